// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Enlarges the top tables. Each must be contiguous, so a larger one is written elsewhere; when it is durable, the
/// header switches to it in one sector.
/// </summary>
internal sealed class TableMover(
    IBlockChild file, HeaderStore header, ClusterGeometry geometry, MetadataLock gate, MetadataFlusher flusher, TopTable l1,
    ClusterAllocator allocator, CorruptionGuard guard)
{
    /// <summary>Gives the L1 table at least <paramref name="entries"/> entries.</summary>
    public async ValueTask GrowL1Async(int entries)
    {
        while (entries > l1.Count)
        {
            try
            {
                using (await flusher.PauseAsync(CancellationToken.None).ConfigureAwait(false))
                using (await gate.AcquireAsync().ConfigureAwait(false))
                {
                    await MoveL1Async(entries).ConfigureAwait(false);
                    return;
                }
            }
            catch (RefcountTableFullException full)
            {
                await GrowRefcountTableAsync(full.Cluster).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Makes the refcount table cover <paramref name="cluster"/>.</summary>
    /// <remarks>
    /// The new table and the blocks that count it go where no old block reaches.
    /// <code>
    /// | old coverage … | new blocks | new table | …
    /// </code>
    /// </remarks>
    public async ValueTask GrowRefcountTableAsync(long cluster)
    {
        using (await flusher.PauseAsync(CancellationToken.None).ConfigureAwait(false))
        using (await gate.AcquireAsync().ConfigureAwait(false))
        {
            if (geometry.RefcountTableIndex(cluster) < allocator.Table.Count) return;
            await flusher.SyncRefcountsAsync().ConfigureAwait(false);
            await MoveRefcountTableAsync(geometry.RefcountTableIndex(cluster) + 1).ConfigureAwait(false);
        }
    }

    private async ValueTask MoveL1Async(int entries)
    {
        var old = header.Current;
        var table = new ulong[entries];
        l1.Entries.CopyTo(table);
        var bytes = (long)entries * sizeof(ulong);
        await file.FireAsync(BlkdebugEvent.L1GrowAllocTable).ConfigureAwait(false);
        var run = await allocator.AllocateWholeAsync(geometry.ClustersFor(bytes)).ConfigureAwait(false);
        var offset = run.First << geometry.ClusterBits;
        try
        {
            await file.WriteAsync(BlkdebugEvent.L1GrowWriteTable, offset, TopTable.Encode(table)).ConfigureAwait(false);
            await flusher.SyncRefcountsAsync().ConfigureAwait(false);
            await file.FireAsync(BlkdebugEvent.L1GrowActivateTable).ConfigureAwait(false);
            await header.UpdateAsync(old with { L1Entries = entries, L1Offset = offset }).ConfigureAwait(false);
        }
        catch
        {
            await allocator.ReleaseAsync(run).ConfigureAwait(false);
            throw;
        }
        l1.Replace(table, offset);
        var oldBytes = (long)old.L1Entries * sizeof(ulong);
        guard.RemoveTable(old.L1Offset, oldBytes, MetadataKinds.ActiveL1);
        guard.AddTable(offset, bytes, MetadataKinds.ActiveL1);
        if (oldBytes > 0) allocator.Retire(new ClusterRun(geometry.ClusterIndex(old.L1Offset), geometry.ClustersFor(oldBytes)));
    }

    private async ValueTask MoveRefcountTableAsync(long needed)
    {
        await file.FireAsync(BlkdebugEvent.ReftableGrow).ConfigureAwait(false);
        var table = allocator.Table;
        var (blocks, clusters) = Plan(table.Count, needed);
        var first = (long)table.Count << geometry.RefblockBits;
        allocator.Claim(new ClusterRun(first, blocks + clusters));
        var entries = new ulong[clusters * geometry.RefcountTableEntriesPerCluster];
        table.Entries.CopyTo(entries);
        for (var i = 0; i < blocks; i++)
        {
            var block = (first + i) << geometry.ClusterBits;
            entries[table.Count + i] = (ulong)block;
            await file.WriteAsync(
                BlkdebugEvent.RefblockAllocWriteBlocks,
                block,
                FilledBlock(blocks + clusters - (i * geometry.RefblockEntries))).ConfigureAwait(false);
        }
        var offset = (first + blocks) << geometry.ClusterBits;
        await file.WriteAsync(BlkdebugEvent.RefblockAllocWriteTable, offset, TopTable.Encode(entries)).ConfigureAwait(false);
        await file.FlushAsync().ConfigureAwait(false);

        var old = header.Current;
        await file.FireAsync(BlkdebugEvent.RefblockAllocSwitchTable).ConfigureAwait(false);
        await header.UpdateAsync(
            old with { RefcountTableOffset = offset, RefcountTableClusters = (int)clusters }).ConfigureAwait(false);
        table.Replace(entries, offset);
        guard.AddMetadata(first, MetadataKinds.RefcountBlock, blocks);
        guard.RemoveTable(
            old.RefcountTableOffset, (long)old.RefcountTableClusters << geometry.ClusterBits, MetadataKinds.RefcountTable);
        guard.AddTable(offset, clusters << geometry.ClusterBits, MetadataKinds.RefcountTable);
        allocator.Retire(new ClusterRun(geometry.ClusterIndex(old.RefcountTableOffset), old.RefcountTableClusters));
    }

    /// <summary>Half as large again at least, and large enough for the blocks that count the table itself.</summary>
    private (long Blocks, long TableClusters) Plan(long oldEntries, long needed)
    {
        var perCluster = (long)geometry.RefcountTableEntriesPerCluster;
        for (var blocks = 1L; ; blocks++)
        {
            var entries = Math.Max(Math.Max(oldEntries * 3 / 2, needed), oldEntries + blocks);
            var clusters = (entries + perCluster - 1) / perCluster;
            if (clusters << geometry.ClusterBits > ClusterGeometry.MaxRefcountTableBytes)
                throw new BlockException(BlockErrorKind.NoSpace, "The refcount table cannot grow any further", Errno.EFBIG);
            if (blocks + clusters <= blocks * geometry.RefblockEntries) return (blocks, clusters);
        }
    }

    private byte[] FilledBlock(long used)
    {
        var block = new byte[geometry.ClusterSize];
        for (var i = 0; i < Math.Min(used, geometry.RefblockEntries); i++)
            RefcountCodec.Write(block, i, geometry.RefcountOrder, 1);
        return block;
    }
}
