// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Parallels.Format;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Parallels.Maintenance;

/// <summary>Makes images. The header comes last: before it is there, the file is no image.</summary>
internal sealed class ImageCreator : IImageCreator, IImageMeasure
{
    private const long DefaultClusterSize = 1 << 20;

    /// <summary>Entries that a number of 32 bits tells apart.</summary>
    private const long MostClusters = 1L << 32;

    public JsonTypeInfo CreateOptionsType => ParallelsJson.Default.ParallelsCreateOptions;

    public IReadOnlyList<CreateOption> CreateOptions => CreateOptionTable.All;

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(ParallelsJson.Default.ParallelsCreateOptions.Deep())!;
        var header = HeaderFor(typed.Size, typed.ClusterSize ?? DefaultClusterSize);
        var file = await context.OpenStorageAsync(typed.File, cancellationToken).ConfigureAwait(false);
        await file.ResizeAsync(0, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        await file.ResizeAsync(header.DataOffset, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        await file.WriteZeroesAsync(0, header.TableEnd, ZeroFlags.None, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        await file.WriteAsync(0, header.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>QEMU does not measure this format.</summary>
    public async ValueTask<ImageMeasure> MeasureAsync(
        JsonElement createOptions, IBlockChild? source, CancellationToken cancellationToken)
    {
        var size = source?.Length ?? (createOptions.TryGetProperty("size", out var given) ? given.GetInt64() : 0);
        var clusterSize = createOptions.TryGetProperty("cluster-size", out var chosen) ? chosen.GetInt64() : DefaultClusterSize;
        var header = HeaderFor(size, clusterSize);
        var stored = source is null
            ? 0
            : await StoredBlocks.CountAsync(source, header.ClusterSize, cancellationToken).ConfigureAwait(false);
        return new ImageMeasure(
            header.DataOffset + stored * header.ClusterSize, header.DataOffset + header.Entries * header.ClusterSize);
    }

    private static ParallelsHeader HeaderFor(long size, long clusterSize)
    {
        if (size < 0)
            throw new BlockException(ParameterFault.OutOfRange("size", "a non-negative number below 2^64"));
        if (clusterSize < 0)
            throw new BlockException(ParameterFault.OutOfRange("cluster-size", "a non-negative number below 2^64"));
        if (clusterSize > ParallelsHeader.LargestCluster * (long)ParallelsHeader.SectorSize)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Cluster size is too large");
        clusterSize = RoundUp(clusterSize, ParallelsHeader.SectorSize);
        var hasTable = size / Math.Max(clusterSize, 1) < Math.Min(MostClusters, int.MaxValue / ParallelsHeader.EntrySize);
        if (clusterSize == 0 || !hasTable)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Image size is too large for this cluster size");
        var header = ParallelsHeader.New(clusterSize, RoundUp(size, ParallelsHeader.SectorSize));
        return header with { DataSector = (uint)(RoundUp(header.TableEnd, clusterSize) / ParallelsHeader.SectorSize) };
    }

    private static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;
}
