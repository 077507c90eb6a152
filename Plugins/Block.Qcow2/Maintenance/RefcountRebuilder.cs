// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Maintenance;

/// <summary>
/// Makes a new refcount structure behind everything in use, from references alone; the old one, whatever it was, is
/// left behind as free space. The header switches in one sector.
/// </summary>
/// <remarks>
/// <code>
/// | … everything referred to … | refcount blocks | refcount table |
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
        var start = Math.Max(FirstFree, Math.Max(references.End, _geometry.ClustersFor(image.File.Length)));
        var (regions, tableClusters) = Plan(references, start);
        var end = start + regions.Count + tableClusters;
        var entries = new ulong[tableClusters * _geometry.RefcountTableEntriesPerCluster];
        for (var i = 0; i < regions.Count; i++)
        {
            var offset = (start + i) << _geometry.ClusterBits;
            entries[regions[i]] = (ulong)offset;
            await image.File.WriteAsync(offset, await BlockAsync(regions[i], references, start, end).ConfigureAwait(false)).ConfigureAwait(false);
            progress?.Report((double)i / regions.Count);
        }
        var tableOffset = (start + regions.Count) << _geometry.ClusterBits;
        await image.File.WriteAsync(tableOffset, TopTable.Encode(entries)).ConfigureAwait(false);
        await image.File.FlushAsync().ConfigureAwait(false);
        await image.AdoptRefcountsAsync(entries, tableOffset, (int)tableClusters, order).ConfigureAwait(false);
    }

    /// <summary>The regions that need a block, and the table's size; more blocks can need still more of both.</summary>
    private (List<long> Regions, long TableClusters) Plan(IClusterCounts references, long start)
    {
        var (blocks, tableClusters) = (0L, 1L);
        while (true)
        {
            var end = start + blocks + tableClusters;
            var regions = new List<long>();
            for (var region = 0L; region <= _geometry.RefcountTableIndex(end - 1); region++)
            {
                var first = region << _geometry.RefblockBits;
                if (first + _geometry.RefblockEntries > start || references.MayHaveAny(first, _geometry.RefblockEntries)) regions.Add(region);
            }
            var perCluster = _geometry.RefcountTableEntriesPerCluster;
            var needed = (_geometry.RefcountTableIndex(end - 1) / perCluster) + 1;
            if (needed << _geometry.ClusterBits > ClusterGeometry.MaxRefcountTableBytes)
                throw new BlockException(BlockErrorKind.NoSpace, "The refcount table would be too large", Errno.EFBIG);
            if (regions.Count <= blocks && needed <= tableClusters) return (regions, tableClusters);
            (blocks, tableClusters) = (regions.Count, needed);
        }
    }

    private async ValueTask<byte[]> BlockAsync(long region, IClusterCounts references, long start, long end)
    {
        var block = new byte[_geometry.ClusterSize];
        for (var i = 0; i < _geometry.RefblockEntries; i++)
        {
            var cluster = (region << _geometry.RefblockBits) + i;
            var count = cluster >= start ? (cluster < end ? 1UL : 0)
                : cluster < references.End ? await references.GetAsync(cluster).ConfigureAwait(false)
                : 0;
            RefcountCodec.Write(block, i, order, Math.Min(count, _geometry.MaxRefcount));
        }
        return block;
    }
}
