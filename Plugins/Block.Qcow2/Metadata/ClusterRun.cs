// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>Consecutive host clusters, by index.</summary>
/// <param name="Untouched">Just allocated, and no byte of them was ever written: they read as zeroes.</param>
/// <param name="PassDown">Just given up, and the storage under them is to be discarded once they are free.</param>
internal readonly record struct ClusterRun(long First, long Count, bool Untouched = false, bool PassDown = false)
{
    public long End => First + Count;

    /// <summary>The clusters that a range of bytes touches.</summary>
    public static ClusterRun Covering(ClusterGeometry geometry, long hostOffset, long bytes)
    {
        var first = geometry.ClusterIndex(hostOffset);
        return new ClusterRun(first, geometry.ClusterIndex(hostOffset + bytes - 1) - first + 1);
    }
}

/// <summary>The refcount table has no entry left for a cluster: it must grow before the allocation is tried again.</summary>
internal sealed class RefcountTableFullException(long cluster) : Exception
{
    public long Cluster { get; } = cluster;
}
