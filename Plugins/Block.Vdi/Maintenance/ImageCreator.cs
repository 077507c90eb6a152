// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vdi.Format;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Vdi.Maintenance;

/// <summary>Makes images. The header comes last: before it is there, the file is no image.</summary>
internal sealed class ImageCreator : IImageCreator, IImageMeasure
{
    private const int ChunkEntries = 1 << 16;

    public JsonTypeInfo CreateOptionsType => VdiJson.Default.VdiCreateOptions;

    public IReadOnlyList<CreateOption> CreateOptions => CreateOptionTable.All;

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(VdiJson.Default.VdiCreateOptions.Deep())!;
        var header = HeaderFor(typed.Size, typed.Preallocation, typed.BackingFile is not null);
        RequireOverlayable(typed);
        var file = await context.OpenStorageAsync(typed.File, cancellationToken).ConfigureAwait(false);
        if (typed.BackingFile is { } backing)
            await SetParentAsync(context, header, backing, cancellationToken).ConfigureAwait(false);
        await file.ResizeAsync(0, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        await file.ResizeAsync(EndOf(header), new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        await WriteMapAsync(file, header, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        await file.WriteAsync(0, header.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>QEMU does not measure this format.</summary>
    public async ValueTask<ImageMeasure> MeasureAsync(
        JsonElement createOptions, IBlockChild? source, CancellationToken cancellationToken)
    {
        var size = source?.Length ?? (createOptions.TryGetProperty("size", out var given) ? given.GetInt64() : 0);
        var isStatic = createOptions.TryGetProperty("preallocation", out var mode) && mode.GetString() == "metadata";
        var full = HeaderFor(size, PreallocationMode.Metadata);
        if (isStatic)
            return new ImageMeasure(EndOf(full), EndOf(full));
        var stored = source is null
            ? 0
            : await StoredBlocks.CountAsync(source, full.BlockSize, cancellationToken).ConfigureAwait(false);
        return new ImageMeasure(full.DataOffset + stored * full.BlockSize, EndOf(full));
    }

    private static VdiHeader HeaderFor(long size, PreallocationMode preallocation, bool isDifferencing = false)
    {
        if (size < 0)
            throw new BlockException(ParameterFault.OutOfRange("size", "a non-negative number below 2^64"));
        if (HeaderChecks.IsTooLarge(size))
            throw HeaderChecks.TooLarge(size);
        var isStatic = preallocation switch
        {
            PreallocationMode.Off => false,
            PreallocationMode.Metadata => true,
            _ => throw new BlockException(BlockErrorKind.InvalidArgument, "Preallocation mode not supported for vdi"),
        };
        var blocks = (size + VdiHeader.DefaultBlockSize - 1) / VdiHeader.DefaultBlockSize;
        var header = VdiHeader.New(
            isDifferencing ? VdiType.Differencing : isStatic ? VdiType.Static : VdiType.Dynamic);
        header.DiskSize = (ulong)(size + VdiHeader.SectorSize - 1) / VdiHeader.SectorSize * VdiHeader.SectorSize;
        header.Blocks = (uint)blocks;
        header.Allocated = isStatic ? (uint)blocks : 0;
        header.MapOffset = VdiHeader.Size;
        header.DataOffset = (uint)(VdiHeader.Size + MapMover.MapSize(blocks));
        return header;
    }

    private static void RequireOverlayable(VdiCreateOptions options)
    {
        if (options.BackingFile is not null && options.BackingFmt is not (null or "vdi"))
            throw NoParent();
        if (options.BackingFile is not null && options.Preallocation != PreallocationMode.Off)
            throw new BlockException(BlockErrorKind.InvalidArgument, "A static image can't have a backing file");
    }

    private static async ValueTask SetParentAsync(
        IImageCreateContext context, VdiHeader header, string backing, CancellationToken cancellationToken)
    {
        var image = await context.OpenSharedImageAsync(backing, "vdi", cancellationToken).ConfigureAwait(false);
        if (!image.TryGetFacet<IVdiIdentity>(out var parent))
            throw NoParent();
        (header.ParentId, header.ParentChangeId) = (parent.Id, parent.ChangeId);
    }

    private static BlockException NoParent() => new(BlockErrorKind.InvalidArgument, "backing_file must be a vdi image");

    private static long EndOf(VdiHeader header) => header.DataOffset + header.Allocated * (long)header.BlockSize;

    private static async ValueTask WriteMapAsync(IBlockChild file, VdiHeader header, CancellationToken cancellationToken)
    {
        var isStatic = header.Type == VdiType.Static;
        for (long first = 0; first < header.Blocks; first += ChunkEntries)
        {
            var chunk = new byte[Math.Min(ChunkEntries, header.Blocks - first) * sizeof(uint)];
            for (var i = 0; i < chunk.Length / sizeof(uint); i++)
                BinaryPrimitives.WriteUInt32LittleEndian(
                    chunk.AsSpan(i * sizeof(uint)), isStatic ? (uint)(first + i) : VdiImage.Nothing);
            await file.WriteAsync(
                header.MapOffset + first * sizeof(uint), chunk, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }
    }
}
