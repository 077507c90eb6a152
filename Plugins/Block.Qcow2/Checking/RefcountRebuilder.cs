// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>
/// Makes a new refcount structure behind everything in use, or inside where the storage does not grow, from references
/// alone; the old one, whatever it was, is left behind as free space. The header switches in one sector.
/// </summary>
/// <remarks>
/// <code>
/// a file    | … everything referred to … | refcount blocks | refcount table |
/// a device  | … in use … | table | … in use … | block | … in use … | block | … |
/// </code>
/// </remarks>
/// <param name="order">Width of the new counts, as a power of two.</param>
internal sealed class RefcountRebuilder(Qcow2Image image, int order)
{
    private readonly ClusterGeometry _geometry = new(image.Geometry.ClusterBits, order, image.Geometry.ExtendedL2);

    /// <summary>No cluster before this one is taken, though it may look free.</summary>
    public long FirstFree { get; init; }

    /// <param name="references">Everything but the refcount structure itself.</param>
    /// <param name="progress">The part that is done, up to one.</param>
    public async ValueTask RebuildAsync(IClusterCounts references, IProgress<double>? progress = null)
    {
        var (regions, tableClusters, placement) = await PlanAsync(references).ConfigureAwait(false);
        var entries = new ulong[tableClusters * _geometry.RefcountTableEntriesPerCluster];
        for (var i = 0; i < regions.Count; i++)
        {
            var offset = placement.Block(i) << _geometry.ClusterBits;
            entries[regions[i]] = (ulong)offset;
            await image.File.WriteAsync(
                offset, await BlockAsync(regions[i], references, placement).ConfigureAwait(false)).ConfigureAwait(false);
            progress?.Report((double)i / regions.Count);
        }
        var tableOffset = placement.TableStart << _geometry.ClusterBits;
        await image.File.WriteAsync(tableOffset, TopTable.Encode(entries)).ConfigureAwait(false);
        await image.File.FlushAsync().ConfigureAwait(false);
        await image.AdoptRefcountsAsync(entries, tableOffset, (int)tableClusters, order).ConfigureAwait(false);
    }

    /// <summary>The regions that need a block, and the table's size; more blocks can need still more of both.</summary>
    private async ValueTask<(List<long> Regions, long TableClusters, RefcountPlacement Placement)> PlanAsync(
        IClusterCounts references)
    {
        var (blocks, tableClusters) = (0L, 1L);
        while (true)
        {
            var placement = await PlaceAsync(references, blocks, tableClusters).ConfigureAwait(false);
            var last = _geometry.RefcountTableIndex(Math.Max(placement.End, references.End) - 1);
            var regions = new List<long>();
            for (var region = 0L; region <= last; region++)
            {
                var first = region << _geometry.RefblockBits;
                if (placement.HasAny(first, _geometry.RefblockEntries)
                    || references.MayHaveAny(first, _geometry.RefblockEntries)) regions.Add(region);
            }
            var needed = (last / _geometry.RefcountTableEntriesPerCluster) + 1;
            if (needed << _geometry.ClusterBits > ClusterGeometry.MaxRefcountTableBytes)
                throw new BlockException(BlockErrorKind.NoSpace, "The refcount table would be too large", Errno.EFBIG);
            if (regions.Count <= blocks
                && needed <= tableClusters) return (regions, tableClusters, placement.WithBlocks(regions.Count));
            (blocks, tableClusters) = (Math.Max(blocks, regions.Count), Math.Max(tableClusters, needed));
        }
    }

    private ValueTask<RefcountPlacement> PlaceAsync(IClusterCounts references, long blocks, long tableClusters)
    {
        if (!image.File.Profile.Growable)
            return RefcountPlacement.WithinAsync(references, image.File.Length >> _geometry.ClusterBits, blocks, tableClusters);
        var start = Math.Max(FirstFree, Math.Max(references.End, _geometry.ClustersFor(image.File.Length)));
        return new(RefcountPlacement.Behind(start, blocks, tableClusters));
    }

    private async ValueTask<byte[]> BlockAsync(long region, IClusterCounts references, RefcountPlacement placement)
    {
        var block = new byte[_geometry.ClusterSize];
        for (var i = 0; i < _geometry.RefblockEntries; i++)
        {
            var cluster = (region << _geometry.RefblockBits) + i;
            var count = placement.Contains(cluster) ? 1UL
                : cluster < references.End ? await references.GetAsync(cluster).ConfigureAwait(false)
                : 0;
            RefcountCodec.Write(block, i, order, Math.Min(count, _geometry.MaxRefcount));
        }
        return block;
    }
}
