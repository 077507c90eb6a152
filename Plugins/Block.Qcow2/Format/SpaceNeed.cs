// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>The clusters a new image takes, from the sizes of its tables alone.</summary>
/// <remarks>
/// <code>
/// | header | refcount table | refcount blocks | L1 table | L2 tables | data |
/// </code>
/// </remarks>
internal static class SpaceNeed
{
    /// <summary>Bytes of a file in which every cluster of the disk is allocated.</summary>
    /// <param name="virtualSize">Whole clusters.</param>
    public static long FullyAllocated(ClusterGeometry geometry, long virtualSize)
    {
        var dataClusters = virtualSize >> geometry.ClusterBits;
        var l2Tables = RoundedUp(dataClusters, geometry.L2Entries);
        var l1Clusters = RoundedUp(l2Tables, geometry.ClusterSize / sizeof(ulong));
        var clusters = 1 + l1Clusters + l2Tables + dataClusters;
        return (clusters + RefcountClusters(geometry, clusters)) << geometry.ClusterBits;
    }

    /// <summary>Clusters of the refcount table and blocks that count so many clusters, and themselves.</summary>
    public static long RefcountClusters(ClusterGeometry geometry, long clusters)
    {
        var own = 0L;
        while (true)
        {
            var blocks = RoundedUp(clusters + own, geometry.RefblockEntries);
            var needed = blocks + RoundedUp(blocks, geometry.RefcountTableEntriesPerCluster);
            if (needed == own) return own;
            own = needed;
        }
    }

    private static long RoundedUp(long count, long unit) => (count + unit - 1) / unit;
}
