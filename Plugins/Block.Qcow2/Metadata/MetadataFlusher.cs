// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Data;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Writes changed metadata in an order that keeps every state a disk can be left in free of corruption; at worst,
/// clusters leak.
/// </summary>
/// <remarks>
/// <code>
/// refcount blocks ─barrier─► refcount table ─barrier─► L2 slices, L1 entries ─barrier─► retired clusters may go
///       └─ with guest data and new, still unlinked tables, written before the flush began
/// </code>
/// A flush works on copies taken under the metadata lock, so writers go on meanwhile: what they link later is not in
/// the copies, and its data and refcounts are only due at the next flush.
/// </remarks>
internal sealed class MetadataFlusher(
    IBlockChild file,
    HeaderStore header,
    MetadataLock gate,
    TopTable l1,
    TableCache l2,
    TableCache refcounts,
    ClusterAllocator allocator,
    DataStorage data) : IDisposable
{
    // Taken before the metadata lock, never while holding it.
    private readonly MetadataLock _flushing = new();

    // The bit of somebody else's unclean end is not this one's to take away: only a check may.
    private bool _isMarked;

    /// <summary>Refcounts may lag behind, under the dirty bit, until the image is closed.</summary>
    public bool LazyRefcounts { get; set; }

    /// <summary>Everything that completed before is durable afterwards.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        using (await _flushing.AcquireAsync(cancellationToken).ConfigureAwait(false))
            await FlushAsync(withRefcounts: !LazyRefcounts || refcounts.IsCrowded).ConfigureAwait(false);
    }

    /// <summary>Leaves nothing to be written: also frees what could not be freed yet. No request may be in flight.</summary>
    public async ValueTask SettleAsync()
    {
        using (await _flushing.AcquireAsync().ConfigureAwait(false))
        {
            // Each round may free clusters, whose refcounts the next one writes.
            for (var round = 0; round < 4 && (round == 0 || refcounts.HasDirty || allocator.HasAging); round++)
                await FlushAsync(withRefcounts: true).ConfigureAwait(false);
            using (await gate.AcquireAsync().ConfigureAwait(false))
            {
                if (_isMarked && header.Current.IsDirty)
                    await MarkAsync(header.Current.Incompatible & ~IncompatibleFeatures.Dirty).ConfigureAwait(false);
                _isMarked = false;
            }
        }
    }

    /// <summary>Keeps flushes out until disposed.</summary>
    public ValueTask<MetadataLock.Holder> PauseAsync(CancellationToken cancellationToken) =>
        _flushing.AcquireAsync(cancellationToken);

    /// <summary>
    /// Makes all refcounts, and what was written before, durable. Under the metadata lock with flushes paused, so that no
    /// older copy is on its way.
    /// </summary>
    public async ValueTask SyncRefcountsAsync()
    {
        var table = allocator.Table;
        var batch = TakeRefcounts();
        var written = false;
        try
        {
            await WriteRefcountsAsync(batch).ConfigureAwait(false);
            await file.FlushAsync().ConfigureAwait(false);
            written = true;
        }
        finally
        {
            refcounts.Complete(batch.Slices!, written);
            if (!written) table.Return(batch.Table!);
        }
    }

    public void Dispose() => _flushing.Dispose();

    private async ValueTask FlushAsync(bool withRefcounts)
    {
        Batch batch;
        using (await gate.AcquireAsync().ConfigureAwait(false))
            batch = new Batch(withRefcounts ? TakeRefcounts() : default, l2.TakeDirty(), l1.TakeDirty(), allocator.TakeRetired());
        var written = false;
        try
        {
            await MarkDirtyAsync(batch).ConfigureAwait(false);
            await WriteAsync(batch).ConfigureAwait(false);
            written = true;
        }
        finally
        {
            using (await gate.AcquireAsync().ConfigureAwait(false))
                Complete(batch, written);
        }
        using (await gate.AcquireAsync().ConfigureAwait(false))
            await allocator.ReclaimAsync().ConfigureAwait(false);
    }

    private async ValueTask WriteAsync(Batch batch)
    {
        await data.FlushAsync().ConfigureAwait(false);
        await WriteRefcountsAsync(batch.Refcounts).ConfigureAwait(false);
        if (batch.HasMappings)
        {
            await file.FlushAsync().ConfigureAwait(false);
            await PendingWrite.WriteAllAsync(file, batch.L2, BlkdebugEvent.L2Update).ConfigureAwait(false);
            await PendingWrite.WriteAllAsync(file, batch.L1, BlkdebugEvent.L1Update).ConfigureAwait(false);
        }
        await file.FlushAsync().ConfigureAwait(false);
    }

    private void Complete(Batch batch, bool written)
    {
        l2.Complete(batch.L2, written);
        if (batch.Refcounts.Slices is { } slices) refcounts.Complete(slices, written);
        if (written)
        {
            allocator.Age(batch.Retired);
            return;
        }
        l1.Return(batch.L1);
        if (batch.Refcounts.Table is { } sectors) allocator.Table.Return(sectors);
        allocator.ReturnRetired(batch.Retired);
    }

    private async ValueTask MarkDirtyAsync(Batch batch)
    {
        if (!LazyRefcounts || header.Current.IsDirty || !batch.HasMappings) return;
        using (await gate.AcquireAsync().ConfigureAwait(false))
            await MarkAsync(header.Current.Incompatible | IncompatibleFeatures.Dirty).ConfigureAwait(false);
        _isMarked = true;
    }

    private ValueTask MarkAsync(IncompatibleFeatures features) =>
        header.UpdateAsync(header.Current with { Incompatible = features });

    private RefcountBatch TakeRefcounts() => new(refcounts.TakeDirty(), allocator.Table.TakeDirty());

    /// <summary>A block is durable before the table names it.</summary>
    private async ValueTask WriteRefcountsAsync(RefcountBatch batch)
    {
        if (batch.Slices is not { } slices || batch.Table is not { } sectors) return;
        if (slices.Count > 0) await file.FireAsync(BlkdebugEvent.RefblockUpdate).ConfigureAwait(false);
        await PendingWrite.WriteAllAsync(file, slices, BlkdebugEvent.RefblockUpdatePart).ConfigureAwait(false);
        if (sectors.Count == 0) return;
        await file.FlushAsync().ConfigureAwait(false);
        await file.FireAsync(BlkdebugEvent.ReftableUpdate).ConfigureAwait(false);
        await PendingWrite.WriteAllAsync(file, sectors, BlkdebugEvent.RefblockAllocHookup).ConfigureAwait(false);
    }

    private readonly record struct RefcountBatch(List<PendingWrite>? Slices, List<PendingWrite>? Table);

    private readonly record struct Batch(
        RefcountBatch Refcounts, List<PendingWrite> L2, List<PendingWrite> L1, List<ClusterRun> Retired)
    {
        public bool HasMappings => L2.Count > 0 || L1.Count > 0;
    }
}
