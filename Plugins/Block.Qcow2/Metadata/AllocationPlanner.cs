// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Plugins.Block.Qcow2.Data;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Finds host clusters for a write that cannot go in place, and says how much around the guest's data they must take
/// over. Under the metadata lock.
/// </summary>
/// <remarks>
/// <code>
/// own cluster:   | · · z [z w w w w] d d |     fills up the subclusters that the write touches
/// new cluster:   | · z [d · w w w · d] z |     also takes over what the old cluster holds, in one piece
///                  ·  unallocated    z  zero    d  data    w  written    [ ]  filled
/// </code>
/// </remarks>
internal sealed class AllocationPlanner(
    ClusterGeometry geometry, ClusterMap map, DataStorage data, InFlightAllocations inFlight, CorruptionGuard guard)
{
    /// <returns>
    /// The allocation, begun; or what to wait for before the mapping is looked up again; or neither, when the range's
    /// beginning can go in place after all.
    /// </returns>
    public async ValueTask<(Allocation? Allocation, Task? Conflict)> PlanAsync(long offset, long bytes)
    {
        var first = offset >> geometry.ClusterBits;
        var slice = await map.GetWritableSliceAsync(offset).ConfigureAwait(false);
        var index = map.IndexInSlice(offset);
        var most = (int)Math.Min(map.SliceEntries - index, geometry.ClustersFor(geometry.OffsetInCluster(offset) + bytes));
        if (inFlight.Conflict(first, most) is { } conflict) return (null, conflict);

        var entry = map.EntryAt(slice, index);
        if (!entry.IsSound(geometry)) throw map.Describe(offset);
        if (entry.IsOwned && entry.Subclusters[geometry.SubclusterIndex(offset)] == SubclusterKind.Data) return (null, null);
        var run = entry.IsOwned
            ? OwnedRun(slice, index, most)
            : await data.TakeAsync(first, CountReplaced(slice, index, most)).ConfigureAwait(false);
        var end = Math.Min(offset + bytes, (first + run.Count) << geometry.ClusterBits);
        var last = map.EntryAt(slice, index + (int)run.Count - 1);
        var allocation = new Allocation(first, run, !entry.IsOwned, FillStart(entry, offset), FillEnd(last, end));
        inFlight.Begin(allocation);
        return (allocation, null);
    }

    /// <summary>Contiguous host clusters that can take the data themselves.</summary>
    private ClusterRun OwnedRun(TableSlice slice, int index, int most)
    {
        var host = map.EntryAt(slice, index).HostOffset;
        var count = 1;
        for (; count < most; count++)
        {
            var entry = map.EntryAt(slice, index + count);
            if (!entry.IsSound(geometry) || !entry.IsOwned
                || entry.HostOffset != host + ((long)count << geometry.ClusterBits)) break;
        }
        guard.CheckWrite(host, (long)count << geometry.ClusterBits);
        return new ClusterRun(geometry.ClusterIndex(host), count);
    }

    private int CountReplaced(TableSlice slice, int index, int most)
    {
        var count = 1;
        for (; count < most; count++)
        {
            var entry = map.EntryAt(slice, index + count);
            if (!entry.IsSound(geometry) || entry.IsOwned) break;
        }
        return count;
    }

    private long FillStart(ClusterEntry entry, long offset)
    {
        var subcluster = geometry.SubclusterIndex(offset);
        if (entry.IsOwned) return entry.Subclusters[subcluster] == SubclusterKind.Data
            ? offset
            : geometry.SubclusterStart(offset);
        var kept = Kept(entry);
        if (kept != 0) subcluster = Math.Min(subcluster, BitOperations.TrailingZeroCount(kept));
        return geometry.ClusterStart(offset) + ((long)subcluster << geometry.SubclusterBits);
    }

    private long FillEnd(ClusterEntry entry, long end)
    {
        var subcluster = geometry.SubclusterIndex(end - 1);
        if (entry.IsOwned) return entry.Subclusters[subcluster] == SubclusterKind.Data ? end : geometry.SubclusterEnd(end);
        var kept = Kept(entry);
        if (kept != 0) subcluster = Math.Max(subcluster, BitOperations.Log2(kept));
        return geometry.ClusterStart(end - 1) + ((subcluster + 1L) << geometry.SubclusterBits);
    }

    /// <summary>The subclusters whose data is nowhere else once the old host cluster is given up.</summary>
    private uint Kept(ClusterEntry entry) =>
        entry.IsCompressed ? (uint)((1UL << geometry.Subclusters) - 1) : entry.Subclusters.Allocated;
}
