// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Stands between data and metadata: knows which clusters hold metadata, refuses writes that would hit them, and stops
/// an image in which something was found that cannot be.
/// </summary>
internal sealed class CorruptionGuard(ClusterGeometry geometry, MetadataKinds enabled)
{
    private readonly MetadataClusterSet _clusters = new();
    private readonly MetadataRanges _tables = new();
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

    /// <summary>One L2 table or refcount block, or several in a row.</summary>
    public void AddMetadata(long firstCluster, MetadataKinds kind, long count = 1)
    {
        if ((kind & enabled) == 0) return;
        for (var i = 0L; i < count; i++) _clusters.Add(firstCluster + i, kind);
    }

    public void RemoveMetadata(long firstCluster, MetadataKinds kind, long count = 1)
    {
        if ((kind & enabled) == 0) return;
        for (var i = 0L; i < count; i++) _clusters.Remove(firstCluster + i, kind);
    }

    /// <summary>The L2 tables or refcount blocks that a top table names.</summary>
    public void AddNamed(ReadOnlySpan<ulong> table, ulong offsetMask, MetadataKinds kind)
    {
        if ((kind & enabled) == 0) return;
        _clusters.Reserve(table.Length - table.Count(0UL));
        foreach (var entry in table)
        {
            if ((entry & offsetMask) != 0) _clusters.Add(geometry.ClusterIndex((long)(entry & offsetMask)), kind);
        }
    }

    public void RemoveNamed(ReadOnlySpan<ulong> table, ulong offsetMask, MetadataKinds kind)
    {
        if ((kind & enabled) == 0) return;
        foreach (var entry in table)
        {
            if ((entry & offsetMask) != 0) _clusters.Remove(geometry.ClusterIndex((long)(entry & offsetMask)), kind);
        }
    }

    public void AddTable(long offset, long bytes, MetadataKinds kind) => AddTables([(offset, bytes)], kind);

    public void AddTables(IEnumerable<(long Offset, long Bytes)> tables, MetadataKinds kind)
    {
        if ((kind & enabled) == 0) return;
        _tables.Add(
            tables.Where(t => t.Bytes > 0).Select(t => (geometry.ClusterIndex(t.Offset), geometry.ClustersFor(t.Bytes), kind)));
    }

    public void RemoveTable(long offset, long bytes, MetadataKinds kind) =>
        _tables.Remove(geometry.ClusterIndex(offset), geometry.ClustersFor(bytes), kind);

    /// <summary>Refuses clusters that the refcounts call free although metadata lies there.</summary>
    public void CheckAllocation(ClusterRun run) =>
        Check(run.First << geometry.ClusterBits, run.Count << geometry.ClusterBits, MetadataKinds.None);

    /// <summary>Refuses a data write that would land in metadata.</summary>
    public void CheckWrite(long hostOffset, long bytes) => Check(hostOffset, bytes, MetadataKinds.None);

    /// <summary>Refuses a change of a table that would land in metadata of other kinds.</summary>
    public void CheckMetadata(long hostOffset, long bytes, MetadataKinds own) => Check(hostOffset, bytes, own);

    private void Check(long hostOffset, long bytes, MetadataKinds own)
    {
        if (enabled == MetadataKinds.None) return;
        var first = geometry.ClusterIndex(hostOffset);
        var count = geometry.ClusterIndex(hostOffset + bytes - 1) - first + 1;
        var kinds = _tables.In(first, count);
        for (var cluster = first; cluster < first + count; cluster++) kinds |= _clusters[cluster];
        if ((kinds &= ~own) != 0)
            throw Corrupt($"Preventing invalid write on metadata (overlaps with {kinds.Describe()})", hostOffset, bytes);
    }

    private static void ThrowStopped() =>
        throw new BlockException(
            BlockErrorKind.Corrupt, "The image was found corrupt and takes no more requests", Errno.ENOMEDIUM);
}
