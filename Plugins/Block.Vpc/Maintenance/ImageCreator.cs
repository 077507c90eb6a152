// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vpc.Format;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Vpc.Maintenance;

/// <summary>Makes images. The footer by which they are known comes last: before it is there, the file is no image.</summary>
internal sealed class ImageCreator : IImageCreator, IImageMeasure
{
    private const int BlockSize = 2 << 20;
    private const long TableOffset = Footer.Size + DynamicHeader.Size;
    private const int ChunkSize = 1 << 18;

    public JsonTypeInfo CreateOptionsType => VpcJson.Default.VpcCreateOptions;

    public IReadOnlyList<CreateOption> CreateOptions => CreateOptionTable.All;

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(VpcJson.Default.VpcCreateOptions.Deep())!;
        var length = LengthFor(typed.Size, typed.ForceSize);
        var isFixed = typed.Subformat == BlockdevVpcSubformat.Fixed;
        var footer = Footer.New(isFixed ? DiskType.Fixed : DiskType.Dynamic, context.Host.Clock.GetUtcNow())
            .WithLength(length, typed.ForceSize);
        var file = await context.OpenStorageAsync(typed.File, cancellationToken).ConfigureAwait(false);
        await file.ResizeAsync(0, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        if (isFixed)
            await file.ResizeAsync(length, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        else
            await WriteTableAsync(file, footer, length, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        await file.WriteAsync(isFixed ? length : 0, footer.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>QEMU does not measure this format.</summary>
    public async ValueTask<ImageMeasure> MeasureAsync(
        JsonElement createOptions, IBlockChild? source, CancellationToken cancellationToken)
    {
        var size = source?.Length ?? (createOptions.TryGetProperty("size", out var given) ? given.GetInt64() : 0);
        var isExact = createOptions.TryGetProperty("force-size", out var force) && force.ValueKind == JsonValueKind.True;
        var length = LengthFor(size, isExact);
        if (createOptions.TryGetProperty("subformat", out var subformat) && subformat.GetString() == "fixed")
            return new ImageMeasure(length + Footer.Size, length + Footer.Size);
        var stored = source is null
            ? 0
            : await StoredBlocks.CountAsync(source, BlockSize, cancellationToken).ConfigureAwait(false);
        var empty = TableOffset + TableSize(length) + Footer.Size;
        var block = BlockSize + DynamicDisk.SizeOfBitmap(BlockSize);
        return new ImageMeasure(empty + stored * block, empty + Entries(length) * block);
    }

    public static BlockException TooLarge() =>
        new(BlockErrorKind.InvalidArgument, "The image size is too large for file format 'vpc'", Errno.EFBIG);

    /// <summary>The next size that a geometry has, as long as one does.</summary>
    private static long LengthFor(long size, bool exact)
    {
        if (size < 0)
            throw new BlockException(ParameterFault.OutOfRange("size", "a non-negative number below 2^64"));
        var sectors = size / Footer.SectorSize + (size % Footer.SectorSize > 0 ? 1 : 0);
        if (!exact && Geometry.For(sectors) is var geometry && geometry != Geometry.Largest)
            sectors = geometry.Sectors;
        return sectors <= Footer.MostSectors ? sectors * Footer.SectorSize : throw TooLarge();
    }

    private static long Entries(long length) => (length + BlockSize - 1) / BlockSize;

    private static long TableSize(long length) => DynamicDisk.RoundUp(Entries(length) * sizeof(uint));

    private static async ValueTask WriteTableAsync(
        IBlockChild file, Footer footer, long length, CancellationToken cancellationToken)
    {
        var header = DynamicHeader.New(TableOffset, Entries(length), BlockSize);
        await file.WriteAsync(Footer.Size, header.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        var size = TableSize(length);
        for (long done = 0; done < size; done += ChunkSize)
        {
            var chunk = new byte[Math.Min(ChunkSize, size - done)];
            chunk.AsSpan().Fill(byte.MaxValue);
            await file.WriteAsync(TableOffset + done, chunk, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }

        await file.WriteAsync(TableOffset + size, footer.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
    }
}
