// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vhdx.Format;
using BlockHost.Plugins.Block.Vhdx.Log;

namespace BlockHost.Plugins.Block.Vhdx.Maintenance;

/// <summary>
/// Changes the length of an image's disk, which QEMU cannot. The node is drained. The length changes at once, by the log:
/// <code>
///   longer:   (table with more room, at the end of the file ─►) new entries ─► flush ─► length
///   shorter:  length ─► log empty ─► old entries cleared, file shorter
/// </code>
/// </summary>
internal sealed class ImageResizer(VhdxImage image)
{
    private const long LargestDisk = 64L << 40;
    private const int ChunkSize = 1 << 20;

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        var sector = image.Layout.Table.SectorSize;
        length = (length + sector - 1) / sector * sector;
        if (options.Preallocation != PreallocationMode.Off)
            throw new BlockException(BlockErrorKind.NotSupported, "Preallocation is not supported for VHDX images");
        if (length > LargestDisk)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Image size too large; max of 64TB");
        if (length == 0)
            throw new BlockException(BlockErrorKind.NotSupported, "A VHDX image has a size of at least one sector");
        if (length == image.Length)
            return;
        await image.MarkAsync(cancellationToken).ConfigureAwait(false);
        if (length > image.Length)
            await GrowAsync(length, cancellationToken).ConfigureAwait(false);
        else
            await ShrinkAsync(length, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask GrowAsync(long length, CancellationToken cancellationToken)
    {
        var old = image.Layout.Table;
        // What lies behind the end must not show.
        await LongerDisk.ClearRestAsync(image, cancellationToken).ConfigureAwait(false);
        await EmptyBehindAsync(length, cancellationToken).ConfigureAwait(false);
        await image.SettleAsync(cancellationToken).ConfigureAwait(false);
        var entries = (old with { Length = length }).Entries;
        if (entries * BlockTable.EntrySize > image.Layout.Regions.Find(RegionTable.TableId)!.Value.Length)
            await new TableMover(image).MoveAsync(entries, cancellationToken).ConfigureAwait(false);
        var change = new LengthChange(image.Layout, length);
        var place = image.Layout.KeepsBlocks ? await TakeBlocksAsync(change, cancellationToken).ConfigureAwait(false) : 0;
        await WriteEntriesAsync(change, place, cancellationToken).ConfigureAwait(false);
        await SetLengthAsync(change, place, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Differencing images have entries for whole chunks: those behind the end may be of a longer disk, and come to it now.
    /// </summary>
    /// <param name="length">As far as this, at most.</param>
    private async ValueTask EmptyBehindAsync(long length, CancellationToken cancellationToken)
    {
        var table = image.Layout.Table;
        var inChunks = table.HasBitmaps ? table.Entries / (table.ChunkRatio + 1) * table.ChunkRatio : table.Blocks;
        var end = Math.Min(length / table.BlockSize + 1, inChunks);
        for (var block = table.Blocks; block < end; block++)
        {
            var index = table.IndexOf(block);
            if (await image.Table.GetAsync(index, cancellationToken).ConfigureAwait(false) != EmptyEntry(block))
                await image.Table.SetAsync(index, EmptyEntry(block), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What a longer parent has behind this image's end does not show.</summary>
    private ulong EmptyEntry(long block)
    {
        var isHidden = image.Layout.Parent is not null && block * image.BlockSize < (image.Backing?.Length ?? 0);
        return BlockTable.EntryOf(isHidden ? BlockEntryState.Zero : BlockEntryState.NotPresent);
    }

    /// <summary>A shrink is done or not. What is not given back after a failure is so with the next one.</summary>
    private async ValueTask ShrinkAsync(long length, CancellationToken cancellationToken)
    {
        await image.SettleAsync(cancellationToken).ConfigureAwait(false);
        var change = new LengthChange(image.Layout, length);
        await SetLengthAsync(change, place: 0, cancellationToken).ConfigureAwait(false);
        try
        {
            // A log counts on the length that the file had.
            await EmptyBehindAsync(long.MaxValue, CancellationToken.None).ConfigureAwait(false);
            await image.SettleAsync(CancellationToken.None).ConfigureAwait(false);
            await WriteEntriesAsync(change, place: 0, CancellationToken.None).ConfigureAwait(false);
            await image.TrimAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // The disk has its new length; some space is not back yet.
        }
    }

    /// <summary>A fixed image has all of its blocks. Returns where the new ones begin.</summary>
    private async ValueTask<long> TakeBlocksAsync(LengthChange change, CancellationToken cancellationToken)
    {
        var bytes = (change.Next.Table.Blocks - image.Layout.Table.Blocks) * image.BlockSize;
        var place = image.TakeSpace(bytes);
        if (bytes > 0)
            await image.File.WriteZeroesAsync(place, bytes, ZeroFlags.None, cancellationToken).ConfigureAwait(false);
        return place;
    }

    /// <summary>Writes those entries that share no sector with others.</summary>
    private async ValueTask WriteEntriesAsync(LengthChange change, long place, CancellationToken cancellationToken)
    {
        for (var offset = change.Whole; offset < change.End; offset += ChunkSize)
        {
            var bytes = MakeEntries(change, place, offset, (int)Math.Min(ChunkSize, change.End - offset));
            await image.File.WriteAsync(offset, bytes, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask SetLengthAsync(LengthChange change, long place, CancellationToken cancellationToken)
    {
        var size = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(size, change.Next.Table.Length);
        var patches = new List<FilePatch> { new(change.Next.DiskSizeAt, size) };
        if (change.Whole > change.Start)
            patches.Add(new(change.Start, MakeEntries(change, place, change.Start, (int)(change.Whole - change.Start))));
        await image.CommitAsync(patches, cancellationToken).ConfigureAwait(false);
        image.GoOver(change.Next);
    }

    /// <param name="place">Where the first new block begins; 0: there is none.</param>
    private byte[] MakeEntries(LengthChange change, long place, long offset, int length)
    {
        var bytes = new byte[length];
        var table = change.Next.Table;
        for (var at = 0; at < length; at += BlockTable.EntrySize)
        {
            var index = (offset + at - table.Offset) / BlockTable.EntrySize;
            var block = table.BlockAt(index);
            if (table.IsBitmap(index) || block >= table.Blocks)
                continue;
            var entry = place > 0
                ? BlockTable.EntryOf(BlockEntryState.Present, place + (block - image.Layout.Table.Blocks) * table.BlockSize)
                : EmptyEntry(block);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), entry);
        }

        return bytes;
    }

    /// <summary>
    /// Which part of the table comes or goes:
    /// <code>
    ///   entries that stay │ Start … │ Whole: a sector begins … │ End
    /// </code>
    /// What shares a sector with entries that stay is for the log.
    /// </summary>
    private sealed class LengthChange
    {
        public LengthChange(ImageLayout layout, long length)
        {
            Next = layout with { Table = layout.Table with { Length = length } };
            Start = layout.Table.Offset + Math.Min(layout.Table.Entries, Next.Table.Entries) * BlockTable.EntrySize;
            End = layout.Table.Offset + Math.Max(layout.Table.Entries, Next.Table.Entries) * BlockTable.EntrySize;
            Whole = Math.Min((Start + LogFormat.SectorSize - 1) / LogFormat.SectorSize * LogFormat.SectorSize, End);
        }

        public ImageLayout Next { get; }

        public long Start { get; }

        public long Whole { get; }

        public long End { get; }
    }
}
