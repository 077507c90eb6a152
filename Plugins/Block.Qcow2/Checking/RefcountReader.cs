// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>Reads recorded refcounts of an image whose refcount table may be damaged.</summary>
internal sealed class RefcountReader(Qcow2Image image)
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    /// <summary>Whether the part of the file has a block that can be read; without one its refcounts are zero.</summary>
    public bool HasBlock(long region) => BlockOf(region) > 0;

    public bool IsBroken(long region) => BlockOf(region) < 0;

    /// <summary>The refcount, or null where the table's entry is broken.</summary>
    public async ValueTask<ulong?> GetAsync(long cluster)
    {
        var block = BlockOf(_geometry.RefcountTableIndex(cluster));
        return block < 0 ? null : block == 0 ? 0 : await image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false);
    }

    /// <summary>The refcounts from a cluster on that can be had at once, or null where the table's entry is broken.</summary>
    public async ValueTask<RefcountRun?> GetRunAsync(long cluster) =>
        IsBroken(_geometry.RefcountTableIndex(cluster))
            ? null
            : await image.Allocator.GetRefcountsAsync(cluster).ConfigureAwait(false);

    /// <returns>0: none; -1: not a place for a block.</returns>
    private long BlockOf(long region)
    {
        var offset = image.Allocator.Table[region] & ~0x1ffUL;
        return offset <= ClusterGeometry.MaxHostOffset && _geometry.IsClusterAligned((long)offset) ? (long)offset : -1;
    }
}
