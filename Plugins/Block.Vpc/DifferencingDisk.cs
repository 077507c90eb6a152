// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vpc.Format;

namespace BlockHost.Plugins.Block.Vpc;

/// <summary>
/// A disk that shows its parent's where it has nothing itself. A block's bitmap has a bit for each sector, the highest of a byte
/// first: set, the sector is here. The first write to a sector that is not here fetches the rest of its block: then all of it is.
/// <code>
///   flush:  sectors ─► flush ─► bitmaps, table ─► flush
/// </code>
/// </summary>
internal sealed class DifferencingDisk(IBlockChild file, Footer footer, DynamicHeader header, long length, IIoBufferPool buffers)
    : DynamicDisk(file, footer, header, length, buffers)
{
    private const int KeptBytes = 16 << 20;

    private readonly Lock _lock = new();
    private readonly Dictionary<long, byte[]> _bitmaps = [];
    private HashSet<long> _filled = [];
    private HashSet<long> _beingWritten = [];

    /// <summary>Of a block that has a place, sectors can be the parent's.</summary>
    protected override bool StoresTogether => false;

    public override ValueTask DropAsync(long block, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _bitmaps.Remove(block);
            _filled.Remove(block);
        }

        return base.DropAsync(block, cancellationToken);
    }

    protected override bool TryFind(long offset, long bytes, out BlockRun run)
    {
        if (!base.TryFind(offset, bytes, out run) || run.State != BlockState.Stored)
            return run.Bytes > 0;
        var (block, within) = Math.DivRem(offset, BlockSize);
        lock (_lock)
        {
            if (!_bitmaps.TryGetValue(block, out var bitmap))
                return false;
            var sector = within / Footer.SectorSize;
            var isHere = IsHere(bitmap, sector);
            var end = Math.Min(within + run.Bytes, BlockSize);
            for (sector++; sector * Footer.SectorSize < end && IsHere(bitmap, sector) == isHere; sector++)
            {
            }

            var length = Math.Min(end, sector * Footer.SectorSize) - within;
            run = isHere ? run with { Bytes = length } : new BlockRun(BlockState.Absent, Bytes: length);
            return true;
        }
    }

    protected override async ValueTask LoadAsync(long offset, CancellationToken cancellationToken)
    {
        var block = offset / BlockSize;
        var run = Decode(await Table.GetAsync(block, cancellationToken).ConfigureAwait(false));
        if (run.State != BlockState.Stored)
            return;
        var bitmap = new byte[BitmapSize];
        await File.ReadAsync(run.Place - BitmapSize, bitmap, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            if (_bitmaps.Count * BitmapSize > KeptBytes)
                ForgetSome();
            _bitmaps.TryAdd(block, bitmap);
        }
    }

    protected override async ValueTask StoreAsync(
        long offset, IoSlice source, BlockRun before, CancellationToken cancellationToken)
    {
        var (block, within) = Math.DivRem(offset, BlockSize);
        var stored = Decode(await Table.GetAsync(block, cancellationToken).ConfigureAwait(false));
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
        lock (_lock)
        {
            _bitmaps[block] = Full();
            _filled.Add(block);
        }
    }

    protected override ValueTask WriteBeforeTableAsync(IReadOnlyList<TableChange> changes, CancellationToken cancellationToken)
    {
        // What is filled from now on waits for the next flush: this one's may not cover its data.
        lock (_lock)
        {
            _beingWritten.UnionWith(_filled);
            _filled = [];
        }

        return base.WriteBeforeTableAsync(changes, cancellationToken);
    }

    protected override async ValueTask<bool> WriteTableAsync(
        IReadOnlyList<TableChange> changes, CancellationToken cancellationToken)
    {
        var isWritten = await base.WriteTableAsync(changes, cancellationToken).ConfigureAwait(false);
        long[] blocks;
        lock (_lock)
            blocks = [.. _beingWritten];
        foreach (var block in blocks)
        {
            var place = Decode(await Table.GetAsync(block, cancellationToken).ConfigureAwait(false)).Place;
            await File.WriteAsync(place - BitmapSize, Full(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }

        lock (_lock)
            _beingWritten = [];
        return isWritten || blocks.Length > 0;
    }

    private async ValueTask FetchAsync(long offset, long place, long bytes, CancellationToken cancellationToken)
    {
        if (Backing is null)
            await File.WriteZeroesAsync(place, bytes, ZeroFlags.MayUnmap, cancellationToken).ConfigureAwait(false);
        else
            await CopyUpAsync(offset, place, bytes, cancellationToken).ConfigureAwait(false);
    }

    private byte[] Full()
    {
        var bitmap = new byte[BitmapSize];
        bitmap.AsSpan().Fill(byte.MaxValue);
        return bitmap;
    }

    /// <summary>Those that the file has.</summary>
    private void ForgetSome()
    {
        foreach (var block in _bitmaps.Keys.Where(block => !_filled.Contains(block) && !_beingWritten.Contains(block)).ToList())
            _bitmaps.Remove(block);
    }

    private static bool IsHere(byte[] bitmap, long sector) => (bitmap[sector / 8] & (0x80 >> (int)(sector % 8))) != 0;
}
