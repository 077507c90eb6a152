// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Stands between data and metadata: knows which clusters hold metadata, refuses writes that would hit them, and stops
/// an image in which something was found that cannot be.
/// </summary>
internal sealed class CorruptionGuard(ClusterGeometry geometry, MetadataKinds enabled)
{
    private readonly ConcurrentDictionary<long, MetadataKinds> _clusters = new();
    private volatile bool _stopped;

    /// <summary>The image is opened for writing: a finding stops it.</summary>
    public bool Writable { get; set; }

    /// <summary>Tells the host and marks the header; set once the image is open.</summary>
    public Action<string, long?, long?, bool>? Report { get; set; }

    public MetadataKinds Enabled => enabled;

    public bool IsStopped => _stopped;

    public void ThrowIfStopped()
    {
        if (_stopped) ThrowStopped();
    }

    /// <summary>Takes no more requests.</summary>
    public void Stop() => _stopped = true;

    /// <summary>Records a finding; the caller throws the result.</summary>
    public BlockException Corrupt(string message, long? offset, long? size, bool fatal = true)
    {
        fatal &= Writable;
        if (fatal) _stopped = true;
        Report?.Invoke(message, offset, size, fatal);
        return new BlockException(BlockErrorKind.Corrupt, $"Image is corrupt: {message}") { Offset = offset };
    }

    public void AddMetadata(long firstCluster, MetadataKinds kind, long count = 1)
    {
        if ((kind & enabled) == 0) return;
        for (var i = 0L; i < count; i++)
            _clusters.AddOrUpdate(firstCluster + i, kind, (_, known) => known | kind);
    }

    public void RemoveMetadata(long firstCluster, MetadataKinds kind, long count = 1)
    {
        for (var i = 0L; i < count; i++)
        {
            if (!_clusters.TryGetValue(firstCluster + i, out var known)) continue;
            if ((known & ~kind) == 0)
                _clusters.TryRemove(firstCluster + i, out _);
            else
                _clusters[firstCluster + i] = known & ~kind;
        }
    }

    public void AddTable(long offset, long bytes, MetadataKinds kind)
    {
        if (bytes > 0) AddMetadata(geometry.ClusterIndex(offset), kind, geometry.ClustersFor(bytes));
    }

    public void RemoveTable(long offset, long bytes, MetadataKinds kind)
    {
        if (bytes > 0) RemoveMetadata(geometry.ClusterIndex(offset), kind, geometry.ClustersFor(bytes));
    }

    /// <summary>Refuses clusters that the refcounts call free although metadata lies there.</summary>
    public void CheckAllocation(ClusterRun run) => CheckClusters(run.First, run.Count);

    /// <summary>Refuses a data write that would land in metadata.</summary>
    public void CheckWrite(long hostOffset, long bytes)
    {
        var first = geometry.ClusterIndex(hostOffset);
        CheckClusters(first, geometry.ClusterIndex(hostOffset + bytes - 1) - first + 1);
    }

    private void CheckClusters(long first, long count)
    {
        if (enabled == MetadataKinds.None) return;
        for (var cluster = first; cluster < first + count; cluster++)
        {
            if (_clusters.TryGetValue(cluster, out var kinds)) throw Overlap(cluster, kinds);
        }
    }

    private BlockException Overlap(long cluster, MetadataKinds kinds)
    {
        var inactive = (kinds & (MetadataKinds.InactiveL1 | MetadataKinds.InactiveL2)) != 0 ? "inactive " : "";
        return Corrupt(
            $"Preventing invalid write on {inactive}metadata (overlaps with {kinds.Describe()})",
            cluster << geometry.ClusterBits, geometry.ClusterSize);
    }

    private static void ThrowStopped() =>
        throw new BlockException(BlockErrorKind.Corrupt, "The image was found corrupt and takes no more requests", Errno.ENOMEDIUM);
}
