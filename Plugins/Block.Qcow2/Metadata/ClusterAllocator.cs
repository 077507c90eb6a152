// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Refcounts, and the search for free clusters. All members run under the metadata lock.
/// </summary>
/// <remarks>
/// A cluster that loses a reference is only <see cref="Retire">retired</see>: its refcount goes down after the metadata
/// without the reference is durable and every request that may know the old mapping has ended. Until then a crash
/// leaks it, and nobody can get it.
/// <code>
/// retired ──flush──► aging ──two epochs──► refcount decreased ──► free
/// </code>
/// </remarks>
internal sealed class ClusterAllocator(
    IBlockChild file,
    ClusterGeometry geometry,
    TopTable table,
    TableCache cache,
    RequestEpoch epoch,
    CorruptionGuard guard,
    IIoBufferPool buffers)
{
    private const int MaxRetiredRuns = 16384;

    private readonly Queue<(ClusterRun Run, long After)> _aging = new();
    private readonly int _sliceEntryBits = System.Numerics.BitOperations.Log2((uint)cache.SliceSize) + 3 - geometry.RefcountOrder;
    private List<ClusterRun> _retired = [];
    private long _hint;
    private long _untouched = file.Profile.Growable ? geometry.ClustersFor(file.Length) : long.MaxValue;

    public TopTable Table => table;

    /// <summary>The cluster that compressed data is being packed into, for as long as it is in use; else -1.</summary>
    public long SharedCluster { get; set; } = -1;

    /// <summary>So much waits to be freed that a writer should flush before it retires more.</summary>
    public bool IsCrowded => _retired.Count > MaxRetiredRuns;

    /// <summary>Some refcounts are still to go down.</summary>
    public bool HasPending => _retired.Count > 0 || _aging.Count > 0;

    /// <summary>Runs that wait for requests in flight.</summary>
    public bool HasAging => _aging.Count > 0;

    public async ValueTask<ulong> GetRefcountAsync(long cluster)
    {
        if (BlockOf(cluster) == 0) return 0;
        var slice = await SliceAsync(cluster).ConfigureAwait(false);
        return RefcountCodec.Read(slice.Data, IndexInSlice(cluster), geometry.RefcountOrder);
    }

    /// <summary>The refcounts from <paramref name="cluster"/> on that one cached slice holds.</summary>
    public async ValueTask<RefcountRun> GetRefcountsAsync(long cluster)
    {
        var inBlock = geometry.RefblockEntries - geometry.RefblockIndex(cluster);
        if (BlockOf(cluster) == 0) return RefcountRun.Zeroes((int)inBlock);
        var slice = await SliceAsync(cluster).ConfigureAwait(false);
        var index = IndexInSlice(cluster);
        return new RefcountRun(slice.Data, index, (1 << _sliceEntryBits) - index, geometry.RefcountOrder);
    }

    /// <summary>
    /// Clusters before <paramref name="end"/> that are in use, counted up to <paramref name="enough"/>. Takes no lock: a guess.
    /// </summary>
    public async ValueTask<long> CountInUseAsync(long end, long enough)
    {
        end = Math.Min(end, (long)table.Count << geometry.RefblockBits);
        var count = 0L;
        for (var cluster = 0L; cluster < end && count < enough;)
        {
            if (BlockOf(cluster) == 0)
            {
                cluster = (geometry.RefcountTableIndex(cluster) + 1) << geometry.RefblockBits;
                continue;
            }
            var slice = await SliceAsync(cluster).ConfigureAwait(false);
            for (var stop = Math.Min(end, cluster + (1L << _sliceEntryBits)); cluster < stop; cluster++)
            {
                if (RefcountCodec.Read(slice.Data, IndexInSlice(cluster), geometry.RefcountOrder) != 0) count++;
            }
        }
        return count;
    }

    /// <summary>Finds and takes up to <paramref name="wanted"/> consecutive clusters.</summary>
    /// <exception cref="RefcountTableFullException">Nothing was taken.</exception>
    public async ValueTask<ClusterRun> AllocateAsync(long wanted)
    {
        // Blocks for the parts of the file that the run reaches are written behind it while it is looked for.
        var untouched = _untouched;
        await file.FireAsync(BlkdebugEvent.ClusterAlloc).ConfigureAwait(false);
        var first = await FindFreeAsync(_hint).ConfigureAwait(false);
        var count = await CountFreeAsync(first, wanted).ConfigureAwait(false);
        var run = await TakeAsync(new ClusterRun(first, count)).ConfigureAwait(false);
        return run with { Untouched = first >= untouched };
    }

    /// <summary>Takes exactly <paramref name="count"/> consecutive clusters, for a table that must not be split.</summary>
    /// <exception cref="RefcountTableFullException">Nothing was taken.</exception>
    public async ValueTask<ClusterRun> AllocateWholeAsync(long count)
    {
        await file.FireAsync(BlkdebugEvent.ClusterAlloc).ConfigureAwait(false);
        // Each part of the file that gets its own block loses its first cluster to it.
        if (count >= geometry.RefblockEntries) return await AllocateBehindAsync(count).ConfigureAwait(false);
        var first = _hint;
        while (true)
        {
            first = await FindFreeAsync(first).ConfigureAwait(false);
            var free = await CountFreeAsync(first, count).ConfigureAwait(false);
            if (free == count) return await TakeAsync(new ClusterRun(first, count), moveHint: count == 1).ConfigureAwait(false);
            if (table.Count << geometry.RefblockBits <= first + free) throw new RefcountTableFullException(first + free);
            first += free + 1;
        }
    }

    /// <summary>
    /// Takes consecutive clusters that end before <paramref name="limit"/>, the first that are free; null: there are none.
    /// </summary>
    public async ValueTask<ClusterRun?> TryAllocateBelowAsync(long count, long limit)
    {
        for (var first = _hint; first + count <= limit;)
        {
            if (BlockOf(first) == 0) await AddBlockAsync(first).ConfigureAwait(false);
            var counts = await GetRefcountsAsync(first).ConfigureAwait(false);
            var used = counts.CountUsed(0, (int)Math.Min(counts.Count, limit - first));
            first += used;
            if (used > 0) continue;
            var free = await CountFreeAsync(first, Math.Min(count, limit - first)).ConfigureAwait(false);
            if (free == count) return await TakeAsync(new ClusterRun(first, count), moveHint: count == 1).ConfigureAwait(false);
            first += free;
        }
        return null;
    }

    /// <summary>Lets a part of the file go without a block, all of which is free but for the block itself.</summary>
    public void DropBlock(long region)
    {
        var cluster = geometry.ClusterIndex(BlockOf(region << geometry.RefblockBits));
        MoveBlock(region, 0);
        if (geometry.RefcountTableIndex(cluster) != region) Retire(new ClusterRun(cluster, 1));
    }

    /// <summary>A block has another place, where a copy of it is durable; 0: none. The old place is the caller's.</summary>
    public void MoveBlock(long region, long offset)
    {
        var old = BlockOf(region << geometry.RefblockBits);
        cache.Forget(old, geometry.ClusterSize);
        if (offset != 0) cache.Forget(offset, geometry.ClusterSize);
        table.Set(region, (ulong)offset);
        guard.RemoveMetadata(geometry.ClusterIndex(old), MetadataKinds.RefcountBlock);
        if (offset != 0) guard.AddMetadata(geometry.ClusterIndex(offset), MetadataKinds.RefcountBlock);
    }

    /// <summary>
    /// A run that needs several refcount blocks goes behind all parts that have one, with its blocks before it.
    /// </summary>
    private async ValueTask<ClusterRun> AllocateBehindAsync(long count)
    {
        var region = table.LastUsed() + 1;
        var first = region << geometry.RefblockBits;
        var blocks = 0L;
        while (blocks << geometry.RefblockBits < blocks + count) blocks++;
        if (region + blocks > table.Count)
        {
            // The larger table takes parts of its own behind the present ones, and the run goes behind those.
            throw new RefcountTableFullException((table.Count + blocks + 2) << geometry.RefblockBits);
        }

        Claim(new ClusterRun(first, blocks));
        for (var i = 0L; i < blocks; i++)
            await WriteBlockAsync(
                first + i, Math.Clamp(blocks - (i << geometry.RefblockBits), 0, geometry.RefblockEntries)).ConfigureAwait(false);
        for (var i = 0L; i < blocks; i++)
            table.Set(region + i, (ulong)(first + i) << geometry.ClusterBits);
        return await TakeAsync(new ClusterRun(first + blocks, count), moveHint: false).ConfigureAwait(false);
    }

    /// <summary>Notes clusters beyond the refcount table's coverage that a larger table is about to take.</summary>
    public void Claim(ClusterRun run)
    {
        guard.CheckAllocation(run);
        Touch(run);
        cache.Forget(run.First << geometry.ClusterBits, run.Count << geometry.ClusterBits);
    }

    /// <summary>Counts one more reference to a cluster in use, which has fewer than the most there can be.</summary>
    public async ValueTask AddReferenceAsync(long cluster)
    {
        var slice = cache.MarkDirty(await SliceAsync(cluster).ConfigureAwait(false));
        var index = IndexInSlice(cluster);
        RefcountCodec.Write(
            slice.Data, index, geometry.RefcountOrder, RefcountCodec.Read(slice.Data, index, geometry.RefcountOrder) + 1);
    }

    /// <summary>Gives back clusters that no table refers to yet.</summary>
    public ValueTask ReleaseAsync(ClusterRun run) => DecreaseAsync(run);

    /// <summary>One reference to each cluster of the run is gone from the metadata in memory.</summary>
    public void Retire(ClusterRun run)
    {
        if (_retired.Count > 0 && _retired[^1].End == run.First && _retired[^1].PassDown == run.PassDown)
            _retired[^1] = _retired[^1] with { Count = _retired[^1].Count + run.Count };
        else
            _retired.Add(run);
    }

    /// <summary>The references whose loss the flush that begins now makes durable.</summary>
    public List<ClusterRun> TakeRetired()
    {
        var taken = _retired;
        _retired = [];
        return taken;
    }

    /// <summary>The flush has failed: the references may still be on disk.</summary>
    public void ReturnRetired(List<ClusterRun> runs) => _retired.AddRange(runs);

    /// <summary>The loss is durable: what is left is to wait for requests in flight.</summary>
    public void Age(List<ClusterRun> runs)
    {
        foreach (var run in runs) _aging.Enqueue((run, epoch.Advances + 2));
    }

    /// <summary>Decreases the refcounts of what nobody can know any more.</summary>
    public async ValueTask ReclaimAsync()
    {
        if (_aging.Count == 0) return;
        for (var i = 0; i < 2 && epoch.Advances < _aging.Peek().After; i++)
        {
            if (!epoch.TryAdvance()) break;
        }
        while (_aging.TryPeek(out var oldest) && oldest.After <= epoch.Advances)
        {
            _aging.Dequeue();
            await DecreaseAsync(oldest.Run).ConfigureAwait(false);
        }
    }

    /// <summary>Sets a refcount outright, for repair.</summary>
    public async ValueTask SetRefcountAsync(long cluster, ulong value)
    {
        if (BlockOf(cluster) == 0)
        {
            if (value == 0) return;
            await AddBlockAsync(cluster).ConfigureAwait(false);
        }
        var slice = cache.MarkDirty(await SliceAsync(cluster).ConfigureAwait(false));
        RefcountCodec.Write(slice.Data, IndexInSlice(cluster), geometry.RefcountOrder, value);
        if (value == 0) NoteFree(cluster);
    }

    /// <summary>The search starts over: refcounts were changed behind its back.</summary>
    public void Rescan()
    {
        _hint = 0;
        SharedCluster = -1;
        Touch(new ClusterRun(0, geometry.ClustersFor(file.Length)));
    }

    private async ValueTask<long> FindFreeAsync(long from)
    {
        var perSlice = 1 << _sliceEntryBits;
        while (true)
        {
            if (BlockOf(from) == 0) await AddBlockAsync(from).ConfigureAwait(false);
            var slice = await SliceAsync(from).ConfigureAwait(false);
            var start = IndexInSlice(from);
            var free = RefcountCodec.FindFree(slice.Data, start, perSlice, geometry.RefcountOrder);
            from += free - start;
            if (free < perSlice) return from;
        }
    }

    private async ValueTask<long> CountFreeAsync(long first, long wanted)
    {
        var count = 0L;
        while (count < wanted)
        {
            var cluster = first + count;
            if (geometry.RefcountTableIndex(cluster) >= table.Count) break;
            if (BlockOf(cluster) == 0) await AddBlockAsync(cluster).ConfigureAwait(false);
            var counts = await GetRefcountsAsync(cluster).ConfigureAwait(false);
            var free = counts.CountEqual(0, (int)Math.Min(wanted - count, counts.Count), 0);
            count += free;
            if (free < counts.Count) break;
        }
        return count;
    }

    private async ValueTask<ClusterRun> TakeAsync(ClusterRun run, bool moveHint = true)
    {
        if (run.End << geometry.ClusterBits > ClusterGeometry.MaxHostOffset)
            throw new BlockException(BlockErrorKind.NoSpace, "The image file is too large for its format", Errno.EFBIG);
        guard.CheckAllocation(run);

        // Loads everything first, so that a failure leaves nothing taken.
        var slices = new List<TableSlice>();
        for (var cluster = run.First; cluster < run.End; cluster = ((cluster >> _sliceEntryBits) + 1) << _sliceEntryBits)
            slices.Add(await ChangeableSliceAsync(cluster).ConfigureAwait(false));
        var next = run.First;
        foreach (var loaded in slices)
        {
            var slice = cache.MarkDirty(loaded);
            for (var end = Math.Min(run.End, ((next >> _sliceEntryBits) + 1) << _sliceEntryBits); next < end; next++)
                RefcountCodec.Write(slice.Data, IndexInSlice(next), geometry.RefcountOrder, 1);
        }
        if (moveHint) _hint = run.End;
        return run with { Untouched = Touch(run) };
    }

    private bool Touch(ClusterRun run)
    {
        var untouched = run.First >= _untouched;
        if (_untouched != long.MaxValue) _untouched = Math.Max(_untouched, run.End);
        return untouched;
    }

    private async ValueTask DecreaseAsync(ClusterRun run)
    {
        await file.FireAsync(BlkdebugEvent.ClusterFree).ConfigureAwait(false);
        var free = run with { Count = 0 };
        for (var cluster = run.First; cluster < run.End; cluster++)
        {
            if (!await DecreaseAsync(cluster).ConfigureAwait(false)) continue;
            NoteFree(cluster);
            if (free.End != cluster)
            {
                await DiscardFreedAsync(free).ConfigureAwait(false);
                free = run with { First = cluster, Count = 0 };
            }
            free = free with { Count = free.Count + 1 };
        }
        await DiscardFreedAsync(free).ConfigureAwait(false);
    }

    /// <returns>Whether the cluster is free now.</returns>
    private async ValueTask<bool> DecreaseAsync(long cluster)
    {
        if (BlockOf(cluster) == 0) return false;
        var slice = cache.MarkDirty(await ChangeableSliceAsync(cluster).ConfigureAwait(false));
        var index = IndexInSlice(cluster);
        var count = RefcountCodec.Read(slice.Data, index, geometry.RefcountOrder);
        if (count > 0) RefcountCodec.Write(slice.Data, index, geometry.RefcountOrder, count - 1);
        return count == 1;
    }

    private void NoteFree(long cluster)
    {
        _hint = Math.Min(_hint, cluster);
        if (cluster == SharedCluster) SharedCluster = -1;
    }

    private async ValueTask DiscardFreedAsync(ClusterRun run)
    {
        if (!run.PassDown || run.Count == 0) return;
        try
        {
            await file.DiscardAsync(run.First << geometry.ClusterBits, run.Count << geometry.ClusterBits).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // Only a wish: the clusters are free, whether or not the storage under them could be given back.
        }
    }

    /// <summary>
    /// Makes the refcount block for a part of the file that has none. All of that part is free, so the block takes
    /// its first cluster and counts itself.
    /// </summary>
    private async ValueTask AddBlockAsync(long cluster)
    {
        var index = geometry.RefcountTableIndex(cluster);
        if (index >= table.Count) throw new RefcountTableFullException(cluster);
        guard.CheckMetadata(table.Offset + (index * sizeof(ulong)), sizeof(ulong), MetadataKinds.RefcountTable);
        var first = index << geometry.RefblockBits;
        var offset = first << geometry.ClusterBits;
        Claim(new ClusterRun(first, 1));
        await WriteBlockAsync(first, 1).ConfigureAwait(false);
        await file.FireAsync(BlkdebugEvent.RefblockAllocHookup).ConfigureAwait(false);
        table.Set(index, (ulong)offset);
    }

    /// <summary>Writes a new block with ones for its first clusters; the refcount table does not name it yet.</summary>
    private async ValueTask WriteBlockAsync(long cluster, long used)
    {
        using var buffer = buffers.Rent(geometry.ClusterSize);
        var block = buffer.Memory[..geometry.ClusterSize];
        block.Span.Clear();
        for (var i = 0; i < used; i++)
            RefcountCodec.Write(block.Span, i, geometry.RefcountOrder, 1);
        await file.WriteAsync(BlkdebugEvent.RefblockAllocWrite, cluster << geometry.ClusterBits, block).ConfigureAwait(false);
        guard.AddMetadata(cluster, MetadataKinds.RefcountBlock);
    }

    private long BlockOf(long cluster)
    {
        var offset = table[geometry.RefcountTableIndex(cluster)] & ~0x1ffUL;
        if ((offset & (ulong)geometry.OffsetMask) != 0 || offset > ClusterGeometry.MaxHostOffset)
        {
            throw guard.Corrupt(
                $"Refblock offset {CHex.Of((long)offset)} unaligned (reftable index: {CHex.Of(geometry.RefcountTableIndex(cluster))})", (long)offset, null);
        }
        return (long)offset;
    }

    private ValueTask<TableSlice> ChangeableSliceAsync(long cluster)
    {
        guard.CheckMetadata(BlockOf(cluster), geometry.ClusterSize, MetadataKinds.RefcountBlock);
        return file.EventTarget is null ? SliceAsync(cluster) : FireAndGetSliceAsync(BlkdebugEvent.RefblockAlloc, cluster);
    }

    private ValueTask<TableSlice> SliceAsync(long cluster)
    {
        var within = (geometry.RefblockIndex(cluster) >> _sliceEntryBits) * (long)cache.SliceSize;
        return file.EventTarget is null
            ? cache.GetAsync(BlockOf(cluster) + within, CancellationToken.None)
            : FireAndLoadAsync(BlockOf(cluster) + within);
    }

    private async ValueTask<TableSlice> FireAndGetSliceAsync(BlkdebugEvent @event, long cluster)
    {
        await file.FireAsync(@event).ConfigureAwait(false);
        return await SliceAsync(cluster).ConfigureAwait(false);
    }

    /// <summary>As QEMU's, the event comes with each use of a block, whether or not it is cached.</summary>
    private async ValueTask<TableSlice> FireAndLoadAsync(long offset)
    {
        await file.FireAsync(BlkdebugEvent.RefblockLoad).ConfigureAwait(false);
        return await cache.GetAsync(offset, CancellationToken.None).ConfigureAwait(false);
    }

    private int IndexInSlice(long cluster) => (int)(cluster & ((1L << _sliceEntryBits) - 1));
}
