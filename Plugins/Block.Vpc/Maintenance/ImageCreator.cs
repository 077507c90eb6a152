// SPDX-License-Identifier: MIT
using System.Text;
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
        // A differencing image is just as long as its parent.
        var isExact = typed.ForceSize || (typed.BackingFile is not null && LengthFor(typed.Size, exact: false) != typed.Size);
        var length = LengthFor(typed.Size, isExact);
        var footer = Footer.New(TypeOf(typed), context.Host.Clock.GetUtcNow()).WithLength(length, isExact);
        var isFixed = footer.Type == DiskType.Fixed;
        var file = await context.OpenStorageAsync(typed.File, cancellationToken).ConfigureAwait(false);
        var header = DynamicHeader.New(TableOffset, Entries(length), BlockSize);
        var path = "";
        if (footer.Type == DiskType.Differencing)
        {
            path = ParentPath.Record(typed.BackingFile!);
            header = header.WithTable(TableOffset + DynamicHeader.RoomOf(path), Entries(length)).WithParent(
                await IdOfAsync(context, typed.BackingFile!, cancellationToken).ConfigureAwait(false),
                footer.Time,
                path,
                TableOffset);
        }

        await file.ResizeAsync(0, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        if (isFixed)
            await file.ResizeAsync(length, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        else
            await WriteTableAsync(file, footer, header, path, cancellationToken).ConfigureAwait(false);
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

    private static DiskType TypeOf(VpcCreateOptions options)
    {
        if (options.BackingFile is null)
            return options.Subformat == BlockdevVpcSubformat.Fixed ? DiskType.Fixed : DiskType.Dynamic;
        if (options.BackingFmt is not (null or "vpc"))
            throw new BlockException(BlockErrorKind.InvalidArgument, "backing_file must be a vpc image");
        return options.Subformat == BlockdevVpcSubformat.Dynamic
            ? DiskType.Differencing
            : throw new BlockException(BlockErrorKind.InvalidArgument, "A fixed image can't have a backing file");
    }

    private static async ValueTask<Guid> IdOfAsync(
        IImageCreateContext context, string backing, CancellationToken cancellationToken)
    {
        var image = await context.OpenSharedImageAsync(backing, "vpc", cancellationToken).ConfigureAwait(false);
        return image.TryGetFacet<IVpcIdentity>(out var identity)
            ? identity.Id
            : throw new BlockException(BlockErrorKind.InvalidArgument, "backing_file must be a vpc image");
    }

    /// <param name="path">Of the parent.</param>
    private static async ValueTask WriteTableAsync(
        IBlockChild file, Footer footer, DynamicHeader header, string path, CancellationToken cancellationToken)
    {
        var start = Encoding.Unicode.GetBytes(path.PadRight((int)DynamicHeader.RoomOf(path) / sizeof(char), '\0'));
        await file.WriteAsync(
            Footer.Size, (byte[])[.. header.ToBytes(), .. start], WriteFlags.None, cancellationToken).ConfigureAwait(false);
        var size = DynamicDisk.RoundUp(header.Entries * (long)sizeof(uint));
        for (long done = 0; done < size; done += ChunkSize)
        {
            var chunk = new byte[Math.Min(ChunkSize, size - done)];
            chunk.AsSpan().Fill(byte.MaxValue);
            await file.WriteAsync(header.TableOffset + done, chunk, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }

        await file.WriteAsync(
            header.TableOffset + size, footer.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
    }
}
