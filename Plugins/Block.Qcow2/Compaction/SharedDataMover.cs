// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Compaction;

/// <summary>
/// Moves what other mappings than the disk's own refer to: clusters of snapshots, shared ones, and compressed clusters, with
/// all entries that name them. One look at all L2 tables finds the references of a batch. In a quiet image.
/// </summary>
/// <remarks>
/// <code>
/// copies, counted as often as they will be named ─barrier─► entries ─barrier─► as many references of the old place given up
/// </code>
/// </remarks>
internal sealed class SharedDataMover(Qcow2Image image, long limit)
{
    private const int BatchBytes = 16 << 20;
    private const int MaxBatch = 4096;

    private readonly ClusterGeometry _geometry = image.Geometry;
    private readonly int _most = Math.Clamp(BatchBytes >> image.Geometry.ClusterBits, 1, MaxBatch);

    /// <summary>What is to move, by what an entry says of its place, and how many references name it.</summary>
    private readonly Dictionary<ulong, int> _found = [];

    private readonly Dictionary<ulong, ulong> _moved = [];
    private readonly List<long> _tables = [];

    /// <summary>Some had to stay: there are more references to them than a refcount can count, or they cannot be read.</summary>
    public int Left { get; private set; }

    /// <returns>Bytes moved.</returns>
    public async ValueTask<long> MoveAsync()
    {
        if (image.Data.IsExternal) return 0;
        var tables = await new L1Walk(image).ListL2Async().ConfigureAwait(false);
        foreach (var (offset, named) in tables.OrderBy(t => t.Key))
        {
            if (await CollectAsync(offset, named.Count).ConfigureAwait(false)) _tables.Add(offset);
        }
        if (_found.Count == 0) return 0;
        var isNamed = false;
        using var pieces = new PieceMover(image, limit, [.. _found.Keys.Where(IsCompressed)]);
        try
        {
            foreach (var (place, count) in _found)
            {
                var next = IsCompressed(place)
                    ? await pieces.TryCopyAsync(place, count).ConfigureAwait(false)
                    : await TryCopyAsync((long)place, count).ConfigureAwait(false);
                if (next is { } to) _moved.Add(place, to);
            }
            Left = pieces.Left;
            if (_moved.Count == 0) return 0;
            await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
            isNamed = true;
            foreach (var offset in _tables) await RenameAsync(offset, tables[offset].IsActive).ConfigureAwait(false);
            await image.File.FlushAsync().ConfigureAwait(false);
        }
        catch when (!isNamed)
        {
            foreach (var (place, to) in _moved) await ReleaseAsync(to, _found[place]).ConfigureAwait(false);
            throw;
        }
        foreach (var place in _moved.Keys)
        {
            for (var i = 0; i < _found[place]; i++) image.Allocator.Retire(ClustersOf(place));
        }
        return (long)_moved.Count << _geometry.ClusterBits;
    }

    private static bool IsCompressed(ulong place) => (place & L2Entry.CompressedBit) != 0;

    /// <summary>The part of an entry that says where the cluster is.</summary>
    private static ulong PlaceIn(L2Entry entry) =>
        entry.Compressed ? entry.Raw & ~L2Entry.CopiedBit : entry.Raw & L2Entry.OffsetMask;

    private ClusterRun ClustersOf(ulong place)
    {
        if (!IsCompressed(place)) return new ClusterRun(_geometry.ClusterIndex((long)place), 1);
        var piece = CompressedCluster.Decode(new L2Entry(place), _geometry);
        return ClusterRun.Covering(_geometry, piece.HostOffset, piece.Length);
    }

    /// <returns>The table names something that is to move.</returns>
    private async ValueTask<bool> CollectAsync(long tableOffset, int references)
    {
        using var buffer = image.Buffers.Rent(_geometry.ClusterSize);
        var table = buffer.Memory[.._geometry.ClusterSize];
        await image.File.ReadAsync(tableOffset, table).ConfigureAwait(false);
        var any = false;
        for (var at = 0; at < table.Length; at += _geometry.L2EntrySize)
        {
            var place = PlaceIn(new L2Entry(BinaryPrimitives.ReadUInt64BigEndian(table.Span[at..])));
            if (place == 0 || ClustersOf(place).End <= limit) continue;
            if (!IsCompressed(place) && !_geometry.IsClusterAligned((long)place)) continue;
            if (_found.TryGetValue(place, out var count)) _found[place] = count + references;
            else if (_found.Count < _most) _found.Add(place, references);
            else continue;
            any = true;
        }
        return any;
    }

    private async ValueTask<ulong?> TryCopyAsync(long from, int references)
    {
        if ((ulong)references > _geometry.MaxRefcount
            || await image.Allocator.TryAllocateBelowAsync(1, limit).ConfigureAwait(false) is not { } run) return null;
        try
        {
            await image.Allocator.SetRefcountAsync(run.First, (ulong)references).ConfigureAwait(false);
            await ClusterCopy.RunDataAsync(image, _geometry.ClusterIndex(from), run).ConfigureAwait(false);
        }
        catch
        {
            await image.Allocator.SetRefcountAsync(run.First, 0).ConfigureAwait(false);
            throw;
        }
        return (ulong)(run.First << _geometry.ClusterBits);
    }

    private async ValueTask RenameAsync(long tableOffset, bool isActive)
    {
        using var buffer = image.Buffers.Rent(_geometry.ClusterSize);
        var table = buffer.Memory[.._geometry.ClusterSize];
        await image.File.ReadAsync(tableOffset, table).ConfigureAwait(false);
        var changed = false;
        for (var at = 0; at < table.Length; at += _geometry.L2EntrySize)
        {
            var entry = new L2Entry(BinaryPrimitives.ReadUInt64BigEndian(table.Span[at..]));
            if (!_moved.TryGetValue(PlaceIn(entry), out var to)) continue;
            BinaryPrimitives.WriteUInt64BigEndian(
                table.Span[at..], entry.Compressed ? to : (entry.Raw & ~L2Entry.OffsetMask) | to);
            changed = true;
        }
        if (changed) await image.WriteTableAsync(tableOffset, table, isActive).ConfigureAwait(false);
    }

    private async ValueTask ReleaseAsync(ulong place, int references)
    {
        for (var i = 0; i < references; i++) await image.Allocator.ReleaseAsync(ClustersOf(place)).ConfigureAwait(false);
    }
}
