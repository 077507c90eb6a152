// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Keys;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qcow.Format;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Qcow.Maintenance;

/// <summary>Makes images. The header comes last: before it is there, the file is no image.</summary>
internal sealed class ImageCreator : IImageCreator, IImageMeasure
{
    public JsonTypeInfo CreateOptionsType => QcowJson.Default.QcowCreateOptions;

    public IReadOnlyList<CreateOption> CreateOptions => CreateOptionTable.All;

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(QcowJson.Default.QcowCreateOptions.Deep())!;
        var name = Encoding.UTF8.GetBytes(typed.BackingFile ?? "");
        var header = HeaderFor(typed.Size, name.Length);
        RequirePassword(context, typed.Encrypt);
        if (typed.Encrypt is not null)
            header = header with { Crypt = CryptMethod.Aes };
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
        var size = source?.Length ?? createOptions.GetProperty("size").GetInt64();
        var hasBacking = createOptions.TryGetProperty("backing-file", out var name);
        var header = HeaderFor(size, hasBacking ? Encoding.UTF8.GetByteCount(name.GetString()!) : 0);
        var stored = await CountAsync(header.ClusterSize).ConfigureAwait(false) * header.ClusterSize;
        var tables = await CountAsync(header.Covered).ConfigureAwait(false) * TableSize(header);
        var start = Ceiling(EndOf(header), header.ClusterSize) * header.ClusterSize;
        var full = Ceiling(size, header.ClusterSize) * header.ClusterSize + Ceiling(size, header.Covered) * TableSize(header);
        return new ImageMeasure(stored == 0 ? EndOf(header) : start + stored + tables, start + full);

        ValueTask<long> CountAsync(long blockSize) =>
            source is null ? new(0L) : StoredBlocks.CountAsync(source, blockSize, cancellationToken);
    }

    private static QcowHeader HeaderFor(long size, int nameLength)
    {
        if (size < 0)
            throw new BlockException(ParameterFault.OutOfRange("size", "a non-negative number below 2^64"));
        size = Ceiling(size, QcowHeader.SectorSize) * QcowHeader.SectorSize;
        if (size == 0)
            throw Invalid("Image size is too small, cannot be zero length");
        if (nameLength > QcowHeader.LongestName)
            throw Invalid("Backing file name too long");
        var header = QcowHeader.New(size, nameLength);
        return HeaderChecks.IsDiskSize(header.DiskSize, header) ? header : throw Invalid("Image too large");
    }

    private static void RequirePassword(IImageCreateContext context, QcowCreateEncryption? encrypt)
    {
        if (encrypt is null)
            return;
        if (encrypt.Format == QcowCreateEncryptionFormat.Luks)
            throw Invalid("Unsupported encryption format");
        _ = Secrets.Require(context.Host.Objects, encrypt.KeySecret, "encrypt.key-secret");
    }

    /// <summary>Of the header and the top table, which takes whole sectors, as QEMU's does.</summary>
    private static long EndOf(QcowHeader header) =>
        (long)header.TopOffset + Ceiling(header.TopEntries * sizeof(ulong), QcowHeader.SectorSize) * QcowHeader.SectorSize;

    private static long TableSize(QcowHeader header) => (long)header.EntriesPerTable * sizeof(ulong);

    private static long Ceiling(long value, long unit) => value / unit + (value % unit > 0 ? 1 : 0);

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
