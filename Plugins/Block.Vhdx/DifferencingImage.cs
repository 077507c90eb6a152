// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx;

/// <summary>
/// A disk that shows its parent's where it has nothing itself. Of a block that is partly present, the bitmap of its chunk says
/// which sectors are here. The first write to another one fetches the rest of the block: then all of it is present, and the
/// bitmap does not count any more.
/// </summary>
internal sealed class DifferencingImage(
    IBlockChild file, ImageLayout layout, HeaderStore headers, long end, IIoBufferPool buffers)
    : VhdxImage(file, layout, headers, end, buffers)
{
    private const int KeptBytes = 16 << 20;

    private readonly Lock _lock = new();

    /// <summary>Of partly present blocks.</summary>
    private readonly Dictionary<long, byte[]> _bitmaps = [];

    private int BytesPerBlock => (int)(BlockSize / Layout.Table.SectorSize / 8);

    /// <summary>Of a block that has a place, sectors can be the parent's.</summary>
    protected override bool StoresTogether => false;

    public override BlockRun Decode(ulong entry)
    {
        var isPartly = BlockTable.StateOf(entry) == BlockEntryState.PartlyPresent;
        return base.Decode(isPartly ? BlockTable.EntryOf(BlockEntryState.Present, BlockTable.OffsetOf(entry)) : entry);
    }

    protected override bool TryFind(long offset, long bytes, out BlockRun run)
    {
        if (!base.TryFind(offset, bytes, out run))
            return false;
        if (run.State != BlockState.Stored)
            return true;
        var (block, within) = Math.DivRem(offset, BlockSize);
        if (!TryGetEntry(block, out var entry))
            return false;
        if (BlockTable.StateOf(entry) != BlockEntryState.PartlyPresent)
        {
            // What was joined may be partly present.
            run = run with { Bytes = Math.Min(run.Bytes, BlockSize - within) };
            return true;
        }

        lock (_lock)
        {
            if (!_bitmaps.TryGetValue(block, out var bitmap))
                return false;
            run = Find(bitmap, within, Math.Min(run.Bytes, BlockSize - within), run.Place);
            return true;
        }
    }

    protected override async ValueTask LoadAsync(long offset, CancellationToken cancellationToken)
    {
        var block = offset / BlockSize;
        var entry = await Table.GetAsync(IndexOf(block), cancellationToken).ConfigureAwait(false);
        if (BlockTable.StateOf(entry) != BlockEntryState.PartlyPresent)
            return;
        var bitmapEntry = await Table.GetAsync(Layout.Table.IndexOfBitmap(block), cancellationToken).ConfigureAwait(false);
        if (BlockTable.StateOf(bitmapEntry) != BlockEntryState.Present || BlockTable.OffsetOf(bitmapEntry) < 0)
            throw new BlockException(BlockErrorKind.Corrupt, "The VHDX image has no bitmap for a block that is partly present");
        var bitmap = new byte[BytesPerBlock];
        var place = BlockTable.OffsetOf(bitmapEntry) + block % Layout.Table.ChunkRatio * BytesPerBlock;
        await File.ReadAsync(place, bitmap, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            if (_bitmaps.Count * (long)BytesPerBlock >= KeptBytes)
                _bitmaps.Clear();
            _bitmaps[block] = bitmap;
        }
    }

    protected override async ValueTask StoreAsync(
        long offset, IoSlice source, BlockRun before, CancellationToken cancellationToken)
    {
        var (block, within) = Math.DivRem(offset, BlockSize);
        var stored = Decode(await Table.GetAsync(IndexOf(block), cancellationToken).ConfigureAwait(false));
        if (stored.State != BlockState.Stored)
        {
            await base.StoreAsync(offset, source, before, cancellationToken).ConfigureAwait(false);
            return;
        }

        for (long at = 0; at < BlockSize;)
        {
            var run = await FindAsync(block * BlockSize + at, BlockSize - at, cancellationToken).ConfigureAwait(false);
            if (run.State == BlockState.Absent)
                await FetchAsync(block * BlockSize + at, stored.Place + at, run.Bytes, cancellationToken).ConfigureAwait(false);
            at += run.Bytes;
        }

        await File.WriteAsync(stored.Place + within, source, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await Table.SetAsync(IndexOf(block), Encode(stored.Place), cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask FetchAsync(long offset, long place, long bytes, CancellationToken cancellationToken)
    {
        if (Backing is null)
            await File.WriteZeroesAsync(place, bytes, ZeroFlags.MayUnmap, cancellationToken).ConfigureAwait(false);
        else
            await CopyUpAsync(offset, place, bytes, cancellationToken).ConfigureAwait(false);
    }

    private bool TryGetEntry(long block, out ulong entry) => Table.TryGet(IndexOf(block), out entry);

    /// <summary>The sectors from an offset in the block that are all here, or all not.</summary>
    private BlockRun Find(byte[] bitmap, long within, long bytes, long place)
    {
        var size = Layout.Table.SectorSize;
        var end = within + bytes;
        var sector = within / size;
        var isHere = IsHere(bitmap, sector);
        for (sector++; sector * size < end && IsHere(bitmap, sector) == isHere; sector++)
        {
        }

        var length = Math.Min(end, sector * size) - within;
        return isHere ? new BlockRun(BlockState.Stored, place, length) : new BlockRun(BlockState.Absent, Bytes: length);
    }

    private static bool IsHere(byte[] bitmap, long sector) => (bitmap[sector / 8] & 1 << (int)(sector % 8)) != 0;
}
