// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qed.Format;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Qed.Maintenance;

/// <summary>Makes images. The header comes last: before it is there, the file is no image.</summary>
internal sealed class ImageCreator : IImageCreator, IImageMeasure
{
    private const long DefaultClusterSize = 64 << 10;
    private const long DefaultTableClusters = 4;

    public JsonTypeInfo CreateOptionsType => QedJson.Default.QedCreateOptions;

    public IReadOnlyList<CreateOption> CreateOptions => CreateOptionTable.All;

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(QedJson.Default.QedCreateOptions.Deep())!;
        var name = Encoding.UTF8.GetBytes(typed.BackingFile ?? "");
        var header = HeaderFor(typed.Size, typed.ClusterSize ?? DefaultClusterSize, typed.TableSize ?? DefaultTableClusters);
        if (name.Length > Math.Min(header.Reserved - QedHeader.Size, 1023))
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "The name of the backing file is too long for the QED header");
        if (name.Length > 0)
        {
            var isRaw = typed.BackingFmt == "raw" ? QedFeatures.BackingIsRaw : 0;
            header = header with
            {
                Features = QedFeatures.Backing | isRaw,
                NameOffset = QedHeader.Size,
                NameLength = (uint)name.Length,
            };
        }

        var file = await context.OpenStorageAsync(typed.File, cancellationToken).ConfigureAwait(false);
        await file.ResizeAsync(0, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        await file.WriteZeroesAsync(0, EndOf(header), ZeroFlags.MayUnmap, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        await file.WriteAsync(
            0, (byte[])[.. header.ToBytes(), .. name], WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>QEMU does not measure this format.</summary>
    public async ValueTask<ImageMeasure> MeasureAsync(
        JsonElement createOptions, IBlockChild? source, CancellationToken cancellationToken)
    {
        var size = source?.Length ?? Number("size", 0);
        var header = HeaderFor(size, Number("cluster-size", DefaultClusterSize), Number("table-size", DefaultTableClusters));
        var stored = source is null
            ? 0
            : await StoredBlocks.CountAsync(source, header.ClusterSize, cancellationToken).ConfigureAwait(false);
        var tables = source is null
            ? 0
            : await StoredBlocks.CountAsync(source, Covered(header), cancellationToken).ConfigureAwait(false);
        var full = Ceiling(size, header.ClusterSize) * header.ClusterSize + Ceiling(size, Covered(header)) * header.TableSize;
        return new ImageMeasure(EndOf(header) + stored * header.ClusterSize + tables * header.TableSize, EndOf(header) + full);

        long Number(string name, long otherwise) =>
            createOptions.TryGetProperty(name, out var given) ? given.GetInt64() : otherwise;
    }

    private static QedHeader HeaderFor(long size, long clusterSize, long tableClusters)
    {
        if (size < 0)
            throw new BlockException(ParameterFault.OutOfRange("size", "a non-negative number below 2^64"));
        if (!HeaderChecks.IsClusterSize(clusterSize))
            throw Invalid(
                $"QED cluster size must be within range [{QedHeader.SmallestCluster}, {QedHeader.LargestCluster}] and power of 2");
        if (!HeaderChecks.IsTableSize(tableClusters))
            throw Invalid($"QED table size must be within range [1, {QedHeader.LargestTable}] and power of 2");
        var header = QedHeader.New(
            (uint)clusterSize, (uint)tableClusters, Ceiling(size, QedHeader.SectorSize) * QedHeader.SectorSize);
        return HeaderChecks.IsDiskSize(header.DiskSize, header)
            ? header
            : throw Invalid(
                $"QED image size must be a non-zero multiple of cluster size and less than {QedHeader.LargestDisk((uint)clusterSize, (uint)tableClusters)} bytes");
    }

    private static long EndOf(QedHeader header) => header.Reserved + header.TableSize;

    /// <summary>Bytes of the disk that one table is for.</summary>
    private static long Covered(QedHeader header) => (long)header.EntriesPerTable * header.ClusterSize;

    private static long Ceiling(long value, long unit) => value / unit + (value % unit > 0 ? 1 : 0);

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
