// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Checking;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Amending;

/// <summary>The refcounts an image has on record, without those of the structure that records them.</summary>
internal sealed class RecordedCounts : IClusterCounts
{
    private readonly Qcow2Image _image;
    private readonly HashSet<long> _structure = [];

    private RecordedCounts(Qcow2Image image)
    {
        _image = image;
        var (table, geometry) = (image.Allocator.Table, image.Geometry);
        var first = geometry.ClusterIndex(table.Offset);
        for (var i = 0L; i < image.Header.Current.RefcountTableClusters; i++) _structure.Add(first + i);
        for (var i = 0; i < table.Count; i++)
        {
            if (table[i] != 0) _structure.Add(geometry.ClusterIndex((long)table[i]));
        }
    }

    public long End { get; private set; }

    /// <summary>Reads all counts once, for the end and to see that none exceeds a narrower width.</summary>
    public static async ValueTask<RecordedCounts> ScanAsync(
        Qcow2Image image, int order, IProgress<double> progress, CancellationToken cancellationToken)
    {
        var counts = new RecordedCounts(image);
        var geometry = image.Geometry;
        var most = new ClusterGeometry(geometry.ClusterBits, order, geometry.ExtendedL2).MaxRefcount;
        var table = image.Allocator.Table;
        for (var region = 0; region < table.Count; region++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress.Report((double)region / table.Count);
            if (table[region] == 0) continue;
            var first = (long)region << geometry.RefblockBits;
            for (var cluster = first; cluster < first + geometry.RefblockEntries; cluster++)
            {
                var count = await image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false);
                if (count == 0) continue;
                if (count > most)
                {
                    throw new BlockException(
                        BlockErrorKind.InvalidArgument,
                        $"Cannot decrease refcount entry width to {1 << order} bits: Cluster at offset 0x{cluster << geometry.ClusterBits:x} has a refcount of {count}");
                }
                counts.End = cluster + 1;
            }
        }
        return counts;
    }

    public bool MayHaveAny(long first, long count)
    {
        var last = _image.Geometry.RefcountTableIndex(first + count - 1);
        for (var region = _image.Geometry.RefcountTableIndex(first); region <= last; region++)
        {
            if (_image.Allocator.Table[region] != 0) return true;
        }
        return false;
    }

    public async ValueTask<bool> IsFreeAsync(long cluster) =>
        !_structure.Contains(cluster) && await _image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false) == 0;

    public ValueTask<ulong> GetAsync(long cluster) =>
        _structure.Contains(cluster) ? new(0UL) : _image.Allocator.GetRefcountAsync(cluster);
}
