// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vhdx.Format;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Vhdx.Maintenance;

/// <summary>Makes images. The identifier by which they are known comes last: before it is there, the file is no image.</summary>
internal sealed class ImageCreator : IImageCreator, IImageMeasure
{
    private const string CreatorName = "blockhost";
    private const int ChunkEntries = 1 << 16;

    public JsonTypeInfo CreateOptionsType => VhdxJson.Default.VhdxCreateOptions;

    public IReadOnlyList<CreateOption> CreateOptions => CreateOptionTable.All;

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(VhdxJson.Default.VhdxCreateOptions.Deep())!;
        RequireOverlayable(typed);
        // Before the storage is touched: what is not possible leaves it as it is.
        var image = new NewImage(typed);
        var file = await context.OpenStorageAsync(typed.File, cancellationToken).ConfigureAwait(false);
        if (typed.BackingFile is { } backing)
            image = new NewImage(typed, await FindParentAsync(context, backing, cancellationToken).ConfigureAwait(false));
        var exact = new ResizeOptions(MayExceed: true);
        await file.ResizeAsync(0, exact, cancellationToken).ConfigureAwait(false);
        await file.ResizeAsync(
            image.FileLength(image.IsFixed ? image.Table.Blocks : 0), exact, cancellationToken).ConfigureAwait(false);
        await WriteHeadersAsync(file, image, cancellationToken).ConfigureAwait(false);
        await WriteTableAsync(file, image, cancellationToken).ConfigureAwait(false);
        await file.WriteAsync(image.MetadataOffset, image.Metadata(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        await file.WriteAsync(0, FileLayout.Identifier(CreatorName), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>QEMU does not measure this format.</summary>
    public async ValueTask<ImageMeasure> MeasureAsync(
        JsonElement createOptions, IBlockChild? source, CancellationToken cancellationToken)
    {
        var typed = new VhdxCreateOptions
        {
            File = BlockdevRef.To("file"),
            Size = source?.Length ?? NumberOf(createOptions, "size") ?? 0,
            LogSize = NumberOf(createOptions, "log-size"),
            BlockSize = NumberOf(createOptions, "block-size"),
        };
        var image = new NewImage(typed);
        var full = image.FileLength(image.Table.Blocks);
        if (createOptions.TryGetProperty("subformat", out var subformat) && subformat.GetString() == "fixed")
            return new ImageMeasure(full, full);
        if (source is null)
            return new ImageMeasure(image.FileLength(0), full);
        var stored = await StoredBlocks.CountAsync(source, image.Table.BlockSize, cancellationToken).ConfigureAwait(false);
        return new ImageMeasure(image.FileLength(stored), full);
    }

    private static void RequireOverlayable(VhdxCreateOptions options)
    {
        if (options.BackingFile is null)
            return;
        if (options.BackingFmt is not (null or "vhdx"))
            throw VhdxFault.Invalid("backing_file must be a vhdx image");
        if (options.Subformat == BlockdevVhdxSubformat.Fixed)
            throw VhdxFault.Invalid("A fixed image can't have a backing file");
    }

    private static async ValueTask<NewParent> FindParentAsync(
        IImageCreateContext context, string backing, CancellationToken cancellationToken)
    {
        var path = ParentPath.Record(backing);
        var image = await context.OpenImageAsync(backing, "vhdx", cancellationToken).ConfigureAwait(false);
        return image.TryGetFacet<IVhdxIdentity>(out var parent)
            ? new NewParent(parent.DataWriteId, parent.SectorSize, path)
            : throw VhdxFault.Invalid("backing_file must be a vhdx image");
    }

    private static long? NumberOf(JsonElement options, string name) =>
        options.TryGetProperty(name, out var number) ? number.GetInt64() : null;

    private static async ValueTask WriteHeadersAsync(IBlockChild file, NewImage image, CancellationToken cancellationToken)
    {
        var header = VhdxHeader.New(1, image.LogLength, FileLayout.MiB);
        await file.WriteAsync(FileLayout.FirstHeader, header.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        var second = header.With(2).ToBytes();
        await file.WriteAsync(FileLayout.SecondHeader, second, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        foreach (var offset in new[] { FileLayout.FirstRegionTable, FileLayout.SecondRegionTable })
            await file.WriteAsync(offset, image.Regions().ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask WriteTableAsync(IBlockChild file, NewImage image, CancellationToken cancellationToken)
    {
        if (image.EmptyState == BlockEntryState.NotPresent && !image.IsFixed)
            return;
        for (long first = 0; first < image.Table.Entries; first += ChunkEntries)
        {
            var chunk = MakeEntries(image, first, (int)Math.Min(ChunkEntries, image.Table.Entries - first));
            var offset = image.TableOffset + first * BlockTable.EntrySize;
            await file.WriteAsync(offset, chunk, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }
    }

    private static byte[] MakeEntries(NewImage image, long first, int count)
    {
        var bytes = new byte[count * BlockTable.EntrySize];
        for (var i = 0; i < count; i++)
        {
            var entry = image.Table.IsBitmap(first + i) ? 0 : image.EntryOf(image.Table.BlockAt(first + i));
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * BlockTable.EntrySize), entry);
        }

        return bytes;
    }
}
