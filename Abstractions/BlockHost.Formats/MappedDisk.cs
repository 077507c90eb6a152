// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Formats;

/// <summary>
/// A disk in blocks of one size, each of which lies anywhere in the file: a table says where.
/// <code>
///   write to a new block:  take a place ─► write the block ─► entry, in memory
///   flush:                 take the changed entries ─► what the format writes before ─► flush ─► entries ─► flush
/// </code>
/// What an entry in the file points at was on disk before the entry was. What is lost by a power cut between flushes is a place
/// that nothing points at. Requests may come at once from any thread.
/// </summary>
/// <param name="blockSize">Bytes.</param>
/// <param name="table">An entry for each block.</param>
public abstract partial class MappedDisk<TEntry>(
    IBlockChild file, long blockSize, EntryTable<TEntry> table, IIoBufferPool buffers) : DiskImage(file)
    where TEntry : unmanaged, IBinaryInteger<TEntry>
{
    /// <summary>Blocks that one answer may join, and bytes that are copied at a time.</summary>
    private const int MostJoined = 4096;
    private const int CopySize = 1 << 20;

    private readonly SemaphoreSlim _flushing = new(1);
    private readonly RangeLock _changes = new();

    public sealed override long BlockSize => blockSize;

    /// <summary>Another one after a resize, while nothing else uses the disk.</summary>
    public EntryTable<TEntry> Table { get; protected set; } = table;

    /// <summary>Stored data may be a hole of the file, which the file knows.</summary>
    protected virtual bool IsPreallocated => false;

    /// <summary>Zeroes are recorded also where nothing would show through a block that is nowhere.</summary>
    protected virtual bool RecordsZeroes => false;

    /// <summary>There can be blocks that are <see cref="BlockState.Packed"/>.</summary>
    protected virtual bool MayBePacked => false;

    /// <summary>A block that is nowhere counts as the image's own zeroes where there is no backing file.</summary>
    protected virtual bool AbsentIsAllocated => true;

    public IIoBufferPool Buffers => buffers;

    /// <summary>Where a block's entry stands in the table.</summary>
    protected virtual long IndexOf(long block) => block;

    /// <summary>What an entry stands for: state, and where the block's data begin.</summary>
    public abstract BlockRun Decode(TEntry entry);

    /// <summary>The entry of a block whose data begin at an offset of the file.</summary>
    protected abstract TEntry Encode(long place);

    /// <summary>The entry of a block of zeroes that hides the backing file's; null: the format has none.</summary>
    protected virtual TEntry? ZeroEntry => null;

    /// <summary>Takes room for a block that is not stored. Returns where its data begin.</summary>
    protected abstract ValueTask<long> TakeAsync(CancellationToken cancellationToken);

    /// <summary>Room that was taken holds zeroes already.</summary>
    protected virtual bool IsClean(long place) => false;

    /// <summary>What was taken is not used after all.</summary>
    protected abstract void GiveBack(long place);

    /// <summary>Reads within one block of the state <see cref="BlockState.Packed"/>, whose place is as decoded.</summary>
    protected virtual ValueTask ReadPackedAsync(long offset, BlockRun run, IoSlice target, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("The format has no packed blocks");

    /// <summary>Writes what has to be in the file before entries that were set are.</summary>
    protected virtual ValueTask WriteBeforeTableAsync(IReadOnlyList<TableChange> changes, CancellationToken cancellationToken) =>
        ValueTask.CompletedTask;

    /// <summary>
    /// Writes the entries that were set, and what else points at data that was written before the last flush began. Returns
    /// whether another flush has to follow.
    /// </summary>
    protected virtual async ValueTask<bool> WriteTableAsync(
        IReadOnlyList<TableChange> changes, CancellationToken cancellationToken)
    {
        await Table.WriteAsync(changes, cancellationToken).ConfigureAwait(false);
        return changes.Count > 0;
    }

    public sealed override ValueTask ReadAsync(long offset, IoSlice target, CancellationToken cancellationToken) =>
        TryFind(offset, target.Length, out var run) && run.State == BlockState.Stored && run.Bytes == target.Length
            ? ReadDataAsync(offset, run.Place, target, cancellationToken)
            : ReadPartsAsync(offset, target, cancellationToken);

    public sealed override ValueTask WriteAsync(long offset, IoSlice source, CancellationToken cancellationToken) =>
        TryFind(offset, source.Length, out var run) && run.State == BlockState.Stored && run.Bytes == source.Length
            ? WriteDataAsync(BlkdebugEvent.WriteAio, offset, run.Place, source, cancellationToken)
            : WritePartsAsync(offset, source, cancellationToken);

    public sealed override async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        if (Backing is not null || MayBePacked || RecordsZeroes)
            await RequireZeroableAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        for (long done = 0; done < bytes;)
        {
            var run = await FindAsync(offset + done, bytes - done, cancellationToken).ConfigureAwait(false);
            if (Shows(run))
                run = await HideAsync(offset + done, run, cancellationToken).ConfigureAwait(false);
            if (run.State == BlockState.Stored)
                await File.WriteZeroesAsync(run.Place, run.Bytes, flags, cancellationToken).ConfigureAwait(false);
            done += run.Bytes;
        }
    }

    /// <summary>Gives room in the file back to its storage; the blocks stay where they are.</summary>
    public sealed override async ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        for (long done = 0; done < bytes;)
        {
            var run = await FindAsync(offset + done, bytes - done, cancellationToken).ConfigureAwait(false);
            if (run.State == BlockState.Stored)
                await File.DiscardAsync(run.Place, run.Bytes, cancellationToken).ConfigureAwait(false);
            done += run.Bytes;
        }
    }

    public sealed override async ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, CancellationToken cancellationToken)
    {
        var run = await FindAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        const BlockStatusFlags Stored = BlockStatusFlags.Data | BlockStatusFlags.OffsetValid | BlockStatusFlags.Allocated;
        return run.State switch
        {
            BlockState.Stored when Cipher is not null =>
                new BlockStatus(run.Bytes, BlockStatusFlags.Data | BlockStatusFlags.Allocated),
            BlockState.Stored =>
                new BlockStatus(run.Bytes, Stored | (IsPreallocated ? BlockStatusFlags.Recurse : 0), run.Place, File),
            BlockState.Packed =>
                new BlockStatus(run.Bytes, BlockStatusFlags.Data | BlockStatusFlags.Allocated | BlockStatusFlags.Compressed),
            BlockState.Absent when Backing is not null || !AbsentIsAllocated => new BlockStatus(run.Bytes, BlockStatusFlags.None),
            _ => new BlockStatus(run.Bytes, BlockStatusFlags.Zero | BlockStatusFlags.Allocated),
        };
    }

    public sealed override async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await _flushing.WaitAsync(cancellationToken).ConfigureAwait(false);
        var changes = Table.TakeChanges();
        var isWritten = false;
        try
        {
            await WriteBeforeTableAsync(changes, cancellationToken).ConfigureAwait(false);
            await File.FlushAsync(cancellationToken).ConfigureAwait(false);
            if (await WriteTableAsync(changes, cancellationToken).ConfigureAwait(false))
                await File.FlushAsync(cancellationToken).ConfigureAwait(false);

            isWritten = true;
        }
        finally
        {
            Table.Settle(changes, isWritten);
            _flushing.Release();
        }
    }

    /// <summary>
    /// Where the last flush fails, entries are written all the same: the data are in the file as long as the machine runs.
    /// </summary>
    public override async ValueTask CloseAsync()
    {
        try
        {
            await FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            var changes = Table.TakeChanges();
            await WriteBeforeTableAsync(changes, CancellationToken.None).ConfigureAwait(false);
            await WriteTableAsync(changes, CancellationToken.None).ConfigureAwait(false);
            Table.Settle(changes, written: true);
            throw;
        }
    }

    /// <summary>The first of the bytes that are alike, as far as it is known without reading the file.</summary>
    protected virtual bool TryFind(long offset, long bytes, out BlockRun run)
    {
        var (block, within) = Math.DivRem(offset, blockSize);
        run = default;
        if (!Table.TryGet(IndexOf(block), out var entry))
            return false;
        run = Decode(entry);
        var length = blockSize - within;
        for (var joined = 1; run.State != BlockState.Packed && length < bytes && joined < MostJoined && Table.TryGet(
            IndexOf(block + joined), out entry); joined++)
        {
            var next = Decode(entry);
            if (next.State != run.State || (next.State == BlockState.Stored && next.Place != run.Place + joined * blockSize))
                break;
            length += blockSize;
        }

        run = run with
        {
            Place = run.State == BlockState.Packed ? run.Place : run.Place + within,
            Bytes = Math.Min(length, bytes),
        };
        return true;
    }

    /// <summary>Reads what <see cref="TryFind"/> lacks.</summary>
    protected virtual async ValueTask LoadAsync(long offset, CancellationToken cancellationToken) =>
        await Table.GetAsync(IndexOf(offset / blockSize), cancellationToken).ConfigureAwait(false);

    protected async ValueTask<BlockRun> FindAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        BlockRun run;
        while (!TryFind(offset, bytes, out run))
            await LoadAsync(offset, cancellationToken).ConfigureAwait(false);
        return run;
    }

    /// <summary>Nobody else changes where these blocks lie until the answer is disposed of.</summary>
    protected ValueTask<RangeLock.Hold> HoldAsync(long block, long count) =>
        _changes.EnterAsync(block, count, exclusive: true);

    private async ValueTask ReadPartsAsync(long offset, IoSlice target, CancellationToken cancellationToken)
    {
        for (long done = 0; done < target.Length;)
        {
            var run = await FindAsync(offset + done, target.Length - done, cancellationToken).ConfigureAwait(false);
            var part = target.Slice(done, run.Bytes);
            if (run.State == BlockState.Stored)
                await ReadDataAsync(offset + done, run.Place, part, cancellationToken).ConfigureAwait(false);
            else if (run.State == BlockState.Packed)
                await ReadPackedAsync(offset + done, run, part, cancellationToken).ConfigureAwait(false);
            else if (run.State == BlockState.Absent && Backing is { } backing)
                await ReadBackingAsync(backing, offset + done, part, cancellationToken).ConfigureAwait(false);
            else
                part.Clear();
            done += run.Bytes;
        }
    }

    /// <summary>It cannot be zeroed where it lies.</summary>
    private bool Shows(BlockRun run) =>
        run.State == BlockState.Packed || (run.State == BlockState.Absent && (Backing is not null || RecordsZeroes));

    /// <summary>
    /// All of a range is zeroed or nothing: parts of blocks that only the backing file has are for the host to write.
    /// </summary>
    private async ValueTask RequireZeroableAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        for (long done = 0; done < bytes;)
        {
            var run = await FindAsync(offset + done, bytes - done, cancellationToken).ConfigureAwait(false);
            var start = offset + done;
            done += run.Bytes;
            var isWhole = start % blockSize == 0 && ((offset + done) % blockSize == 0 || offset + done == Length);
            if (Shows(run) && (!isWhole || ZeroEntry is null))
                throw new BlockException(
                    BlockErrorKind.NotSupported, "Only whole blocks can be zeroed that are not stored here as they are");
        }
    }

    /// <summary>Makes a block that only the backing file has read as zeroes, unless somebody has stored it by now.</summary>
    private async ValueTask<BlockRun> HideAsync(long offset, BlockRun run, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(offset / blockSize, 1).ConfigureAwait(false);
        run = await FindAsync(offset, Math.Min(run.Bytes, blockSize), cancellationToken).ConfigureAwait(false);
        if (Shows(run))
            await Table.SetAsync(IndexOf(offset / blockSize), ZeroEntry!.Value, cancellationToken).ConfigureAwait(false);
        return run;
    }
}
