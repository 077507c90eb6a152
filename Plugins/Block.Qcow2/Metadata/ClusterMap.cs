// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// The two-level map from guest to host clusters. Lookups take no lock; changes are made under the metadata lock.
/// </summary>
internal sealed class ClusterMap(
    IBlockChild file, ClusterGeometry geometry, int version, TopTable l1, TableCache cache, ClusterAllocator allocator, CorruptionGuard guard)
{
    private readonly int _sliceEntryBits = System.Numerics.BitOperations.Log2((uint)(cache.SliceSize / geometry.L2EntrySize));

    public ClusterGeometry Geometry => geometry;

    public TopTable L1 => l1;

    /// <summary>Guest bytes from <paramref name="guestOffset"/> to the end of what one cached slice maps.</summary>
    public long ToSliceEnd(long guestOffset)
    {
        var coverage = 1L << (_sliceEntryBits + geometry.ClusterBits);
        return coverage - (guestOffset & (coverage - 1));
    }

    /// <summary>
    /// Maps the longest run from <paramref name="guestOffset"/> that one host request can serve, at most
    /// <paramref name="bytes"/>. False: the slice is not cached, and <see cref="LookupAsync"/> must load it.
    /// </summary>
    /// <param name="splitOwned">End the run where ownership changes, for writes.</param>
    public bool TryLookup(long guestOffset, long bytes, bool splitOwned, out Extent extent)
    {
        var entry = new L1Entry(l1[geometry.L1Index(guestOffset)]);
        if (entry.TableOffset == 0)
        {
            var coverage = 1L << geometry.L2CoverageBits;
            var rest = coverage - (guestOffset & (coverage - 1));
            extent = new Extent(ExtentKind.Unallocated, 0, Math.Min(bytes, rest), Owned: false, default);
            return true;
        }
        if (!geometry.IsClusterAligned(entry.TableOffset))
        {
            extent = new Extent(ExtentKind.Invalid, 0, bytes, Owned: false, default);
            return true;
        }
        if (!cache.TryGet(SliceOffset(entry, guestOffset), out var slice))
        {
            extent = default;
            return false;
        }
        extent = Map(slice, guestOffset, bytes, splitOwned);
        return true;
    }

    /// <summary>As <see cref="TryLookup"/>, with the slice loaded where it is not cached.</summary>
    public async ValueTask<Extent> LookupAsync(long guestOffset, long bytes, bool splitOwned, CancellationToken cancellationToken)
    {
        Extent extent;
        while (!TryLookup(guestOffset, bytes, splitOwned, out extent))
        {
            var entry = new L1Entry(l1[geometry.L1Index(guestOffset)]);
            if (entry.TableOffset == 0 || !geometry.IsClusterAligned(entry.TableOffset)) continue;
            var slice = await cache.GetAsync(SliceOffset(entry, guestOffset), cancellationToken).ConfigureAwait(false);
            return Map(slice, guestOffset, bytes, splitOwned);
        }
        return extent;
    }

    /// <summary>The slice that maps <paramref name="guestOffset"/>, whose table exists and is aligned.</summary>
    public ValueTask<TableSlice> GetSliceAsync(long guestOffset, CancellationToken cancellationToken) =>
        cache.GetAsync(SliceOffset(new L1Entry(l1[geometry.L1Index(guestOffset)]), guestOffset), cancellationToken);

    /// <summary>The slice that maps <paramref name="guestOffset"/>, in a table that may be changed in place.</summary>
    public async ValueTask<TableSlice> GetWritableSliceAsync(long guestOffset)
    {
        var index = geometry.L1Index(guestOffset);
        var entry = new L1Entry(l1[index]);
        if (entry.TableOffset != 0 && !geometry.IsClusterAligned(entry.TableOffset)) throw Describe(guestOffset);
        if (entry is { TableOffset: 0 } or { Copied: false })
        {
            guard.CheckMetadata(l1.Offset + (index * sizeof(ulong)), sizeof(ulong), MetadataKinds.ActiveL1);
            entry = await ReplaceTableAsync(index, entry).ConfigureAwait(false);
        }
        else
        {
            guard.CheckMetadata(entry.TableOffset, geometry.ClusterSize, MetadataKinds.ActiveL2);
        }
        return await cache.GetAsync(SliceOffset(entry, guestOffset), CancellationToken.None).ConfigureAwait(false);
    }

    public int IndexInSlice(long guestOffset) => (int)(guestOffset >> geometry.ClusterBits) & ((1 << _sliceEntryBits) - 1);

    public int SliceEntries => 1 << _sliceEntryBits;

    /// <summary>The one reader of entries: an index counts L2 entries, whatever their size.</summary>
    public L2Entry EntryAt(TableSlice slice, int index) => new(slice[index * (geometry.L2EntrySize / sizeof(ulong))]);

    public TableSlice SetEntry(TableSlice slice, int index, L2Entry entry)
    {
        slice = cache.MarkDirty(slice);
        slice[index * (geometry.L2EntrySize / sizeof(ulong))] = entry.Raw;
        return slice;
    }

    /// <summary>Gives up what an entry referred to.</summary>
    public void Retire(L2Entry entry, bool passDown)
    {
        if (entry.Compressed)
        {
            var piece = CompressedCluster.Decode(entry, geometry);
            var first = geometry.ClusterIndex(piece.HostOffset);
            allocator.Retire(new ClusterRun(first, geometry.ClusterIndex(piece.HostOffset + piece.Length - 1) - first + 1, PassDown: passDown));
        }
        else if (entry.HostOffset != 0)
        {
            allocator.Retire(new ClusterRun(geometry.ClusterIndex(entry.HostOffset), 1, PassDown: passDown));
        }
    }

    /// <summary>Names what is wrong at an <see cref="ExtentKind.Invalid"/> extent, as QEMU does; reports it.</summary>
    public BlockException Describe(long guestOffset)
    {
        var l1Index = geometry.L1Index(guestOffset);
        var table = new L1Entry(l1[l1Index]).TableOffset;
        if (!geometry.IsClusterAligned(table))
            return guard.Corrupt($"L2 table offset {table:#x} unaligned (L1 index: {l1Index:#x})", null, null);
        var where = $"(L2 offset: {table:#x}, L2 index: {geometry.L2Index(guestOffset):#x})";
        var entry = cache.TryGet(SliceOffset(new L1Entry((ulong)table), guestOffset), out var slice)
            ? EntryAt(slice, IndexInSlice(guestOffset))
            : default;
        return version < 3 && !entry.Compressed && (entry.Raw & L2Entry.ZeroBit) != 0
            ? guard.Corrupt($"Zero cluster entry found in pre-v3 image {where}", null, null)
            : guard.Corrupt($"Cluster allocation offset {entry.HostOffset:#x} unaligned {where}", null, null);
    }

    private Extent Map(TableSlice slice, long guestOffset, long bytes, bool splitOwned)
    {
        var index = IndexInSlice(guestOffset);
        var within = geometry.OffsetInCluster(guestOffset);
        var first = EntryAt(slice, index);
        var kind = KindOf(first);
        var length = (long)geometry.ClusterSize - within;
        if (kind is not (ExtentKind.Compressed or ExtentKind.Invalid))
        {
            var last = SliceEntries - 1;
            var expected = first;
            while (length < bytes && index < last)
            {
                var entry = EntryAt(slice, ++index);
                expected = new L2Entry(expected.HostOffset == 0 ? expected.Raw : expected.Raw + (ulong)geometry.ClusterSize);
                if (!Continues(entry, expected, kind, splitOwned)) break;
                length += geometry.ClusterSize;
            }
        }
        var host = kind is ExtentKind.Data or ExtentKind.Zero && first.HostOffset != 0 ? first.HostOffset + within : 0;
        return new Extent(kind, host, Math.Min(length, bytes), first.Copied, first);
    }

    private bool Continues(L2Entry entry, L2Entry expected, ExtentKind kind, bool splitOwned)
    {
        if (KindOf(entry) != kind || entry.HostOffset != expected.HostOffset) return false;
        return !splitOwned || entry.Copied == expected.Copied;
    }

    private ExtentKind KindOf(L2Entry entry)
    {
        if (entry.Compressed) return ExtentKind.Compressed;
        if (!geometry.IsClusterAligned(entry.HostOffset)) return ExtentKind.Invalid;
        if ((entry.Raw & L2Entry.ZeroBit) != 0) return version < 3 ? ExtentKind.Invalid : ExtentKind.Zero;
        return entry.HostOffset == 0 ? ExtentKind.Unallocated : ExtentKind.Data;
    }

    /// <summary>Puts a table that only this L1 entry refers to in place of none or of a shared one.</summary>
    private async ValueTask<L1Entry> ReplaceTableAsync(long index, L1Entry old)
    {
        var content = new byte[geometry.ClusterSize];
        if (old.TableOffset != 0)
            await file.ReadAsync(old.TableOffset, content).ConfigureAwait(false);
        var run = await allocator.AllocateWholeAsync(1).ConfigureAwait(false);
        var offset = run.First << geometry.ClusterBits;
        try
        {
            await file.WriteAsync(offset, content).ConfigureAwait(false);
        }
        catch
        {
            await allocator.ReleaseAsync(run).ConfigureAwait(false);
            throw;
        }
        cache.Forget(offset, geometry.ClusterSize);
        guard.AddMetadata(run.First, MetadataKinds.ActiveL2);
        var entry = L1Entry.Owned(offset);
        l1.Set(index, entry.Raw);
        if (old.TableOffset != 0)
        {
            guard.RemoveMetadata(geometry.ClusterIndex(old.TableOffset), MetadataKinds.ActiveL2);
            allocator.Retire(new ClusterRun(geometry.ClusterIndex(old.TableOffset), 1));
        }
        return entry;
    }

    private long SliceOffset(L1Entry table, long guestOffset)
    {
        var within = (geometry.L2Index(guestOffset) >> _sliceEntryBits) * (long)cache.SliceSize;
        return table.TableOffset + within;
    }
}
