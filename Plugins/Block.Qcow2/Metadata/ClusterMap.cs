// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// The two-level map from guest to host clusters. Lookups take no lock; changes are made under the metadata lock.
/// </summary>
internal sealed class ClusterMap(
    IBlockChild file,
    ClusterGeometry geometry,
    Qcow2Header header,
    TopTable l1,
    TableCache cache,
    ClusterAllocator allocator,
    CorruptionGuard guard,
    IIoBufferPool buffers)
{
    private readonly int _sliceEntryBits = System.Numerics.BitOperations.Log2((uint)(cache.SliceSize / geometry.L2EntrySize));

    private readonly int _version = header.Version;
    private readonly bool _isExternal = header.HasDataFile;

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
        var isNew = entry is { TableOffset: 0 } or { Copied: false };
        if (entry.TableOffset != 0 && !geometry.IsClusterAligned(entry.TableOffset)) throw Describe(guestOffset);
        if (isNew)
        {
            guard.CheckMetadata(l1.Offset + (index * sizeof(ulong)), sizeof(ulong), MetadataKinds.ActiveL1);
            entry = await ReplaceTableAsync(index, entry).ConfigureAwait(false);
        }
        else
        {
            guard.CheckMetadata(entry.TableOffset, geometry.ClusterSize, MetadataKinds.ActiveL2);
        }
        return await cache.GetAsync(SliceOffset(entry, guestOffset), CancellationToken.None, isNew).ConfigureAwait(false);
    }

    public int IndexInSlice(long guestOffset) => (int)(guestOffset >> geometry.ClusterBits) & ((1 << _sliceEntryBits) - 1);

    public int SliceEntries => 1 << _sliceEntryBits;

    /// <summary>The one reader of entries: an index counts L2 entries, whatever their size.</summary>
    public ClusterEntry EntryAt(TableSlice slice, int index)
    {
        if (!geometry.ExtendedL2)
            return ClusterEntryCodec.FromStandard(_isExternal ? ExternalOffset.FromDisk(slice[index]) : slice[index], _version);
        var (descriptor, bitmap) = slice.ReadPair(index * 2);
        if (_isExternal) descriptor = ExternalOffset.FromDisk(descriptor);
        return ClusterEntryCodec.FromExtended(descriptor, bitmap);
    }

    /// <summary>The one writer of entries. Under the metadata lock.</summary>
    /// <returns>The slice that is resident now, for the next change.</returns>
    public TableSlice SetEntry(TableSlice slice, int index, ClusterEntry entry)
    {
        slice = cache.MarkDirty(slice);
        var descriptor = ClusterEntryCodec.DescriptorOnDisk(entry, geometry);
        if (_isExternal) descriptor = ExternalOffset.ToDisk(descriptor);
        if (geometry.ExtendedL2)
            slice.WritePair(index * 2, descriptor, entry.Subclusters.Raw);
        else
            slice[index] = descriptor;
        return slice;
    }

    /// <summary>Whether there is a table for the part of the disk.</summary>
    public bool HasTable(long guestOffset) => new L1Entry(l1[geometry.L1Index(guestOffset)]).TableOffset != 0;

    /// <summary>Puts an entry into a table that is still to be written.</summary>
    public void Encode(Span<byte> table, int index, ClusterEntry entry)
    {
        var descriptor = ClusterEntryCodec.DescriptorOnDisk(entry, geometry);
        var cell = table[(index * geometry.L2EntrySize)..];
        BinaryPrimitives.WriteUInt64BigEndian(cell, _isExternal ? ExternalOffset.ToDisk(descriptor) : descriptor);
        if (geometry.ExtendedL2) BinaryPrimitives.WriteUInt64BigEndian(cell[8..], entry.Subclusters.Raw);
    }

    /// <summary>Writes a whole table for a part of the disk that has none. Under the metadata lock.</summary>
    public async ValueTask AddTableAsync(long guestOffset, long cluster, Memory<byte> content)
    {
        var index = geometry.L1Index(guestOffset);
        guard.CheckMetadata(l1.Offset + (index * sizeof(ulong)), sizeof(ulong), MetadataKinds.ActiveL1);
        await file.WriteAsync(cluster << geometry.ClusterBits, content).ConfigureAwait(false);
        Link(index, cluster);
    }

    /// <summary>Gives up what an entry referred to.</summary>
    public void Retire(ClusterEntry entry, bool passDown)
    {
        if (entry.IsCompressed)
        {
            var piece = CompressedCluster.Decode(entry.Descriptor, geometry);
            allocator.Retire(ClusterRun.Covering(geometry, piece.HostOffset, piece.Length) with { PassDown = passDown });
        }
        else if (entry.HostOffset != 0 && !_isExternal)
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
            return guard.Corrupt($"L2 table offset {CHex.Of(table)} unaligned (L1 index: {CHex.Of(l1Index)})", null, null);
        var entry = cache.TryGet(SliceOffset(new L1Entry((ulong)table), guestOffset), out var slice)
            ? EntryAt(slice, IndexInSlice(guestOffset))
            : default;
        return guard.Corrupt(new MappingFault(geometry, _isExternal, guestOffset, table).Describe(entry), null, null);
    }

    /// <summary>In an external data file there is one place for each guest cluster.</summary>
    private bool IsMisplaced(ClusterEntry entry, long guestOffset) =>
        entry.IsCompressed
            || (entry.HostOffset != 0 && entry.HostOffset != (geometry.ClusterStart(guestOffset) | ExternalOffset.Mark));

    private Extent Map(TableSlice slice, long guestOffset, long bytes, bool splitOwned)
    {
        var index = IndexInSlice(guestOffset);
        var within = geometry.OffsetInCluster(guestOffset);
        var first = EntryAt(slice, index);
        var kind = _isExternal && IsMisplaced(first, guestOffset)
            ? ExtentKind.Invalid
            : KindOf(first, geometry.SubclusterIndex(guestOffset));
        if (kind is ExtentKind.Compressed or ExtentKind.Invalid)
            return new Extent(kind, 0, Math.Min(geometry.ClusterSize - within, bytes), first.IsOwned, first);
        var end = EndOfRun(first, geometry.SubclusterIndex(guestOffset));
        var length = (long)end - within;
        for (var next = index + 1; end == geometry.ClusterSize && length < bytes && next < SliceEntries; next++)
        {
            var entry = EntryAt(slice, next);
            var host = first.HostOffset == 0 ? 0 : first.HostOffset + ((long)(next - index) << geometry.ClusterBits);
            if (KindOf(entry, 0) != kind || entry.HostOffset != host || (splitOwned && entry.IsOwned != first.IsOwned)) break;
            end = EndOfRun(entry, 0);
            length += end;
        }
        return new Extent(
            kind, first.HostOffset == 0 ? 0 : first.HostOffset + within, Math.Min(length, bytes), first.IsOwned, first);
    }

    /// <summary>
    /// Where the run of equal subclusters from <paramref name="subcluster"/> on ends, in bytes from the cluster's start.
    /// </summary>
    private int EndOfRun(ClusterEntry entry, int subcluster) =>
        Math.Min(geometry.Subclusters, subcluster + entry.Subclusters.RunLength(subcluster)) << geometry.SubclusterBits;

    private ExtentKind KindOf(ClusterEntry entry, int subcluster)
    {
        if (entry.IsCompressed) return ExtentKind.Compressed;
        if (!entry.IsSound(geometry)) return ExtentKind.Invalid;
        return entry.Subclusters[subcluster] switch
        {
            SubclusterKind.Data => ExtentKind.Data,
            SubclusterKind.Zero => ExtentKind.Zero,
            _ => ExtentKind.Unallocated,
        };
    }

    /// <summary>Puts a table that only this L1 entry refers to in place of none or of a shared one.</summary>
    private async ValueTask<L1Entry> ReplaceTableAsync(long index, L1Entry old)
    {
        using var buffer = buffers.Rent(geometry.ClusterSize);
        var content = buffer.Memory[..geometry.ClusterSize];
        if (old.TableOffset == 0)
            content.Span.Clear();
        else
            await file.ReadAsync(BlkdebugEvent.L2AllocCowRead, old.TableOffset, content).ConfigureAwait(false);
        var run = await allocator.AllocateWholeAsync(1).ConfigureAwait(false);
        var offset = run.First << geometry.ClusterBits;
        try
        {
            await file.FireAsync(BlkdebugEvent.L2AllocWrite).ConfigureAwait(false);
            await file.WriteAsync(BlkdebugEvent.L2Update, offset, content).ConfigureAwait(false);
        }
        catch
        {
            await allocator.ReleaseAsync(run).ConfigureAwait(false);
            throw;
        }
        await file.FireAsync(BlkdebugEvent.L1Update).ConfigureAwait(false);
        var entry = Link(index, run.First);
        if (old.TableOffset != 0)
        {
            guard.RemoveMetadata(geometry.ClusterIndex(old.TableOffset), MetadataKinds.ActiveL2);
            allocator.Retire(new ClusterRun(geometry.ClusterIndex(old.TableOffset), 1));
        }
        return entry;
    }

    private L1Entry Link(long index, long cluster)
    {
        cache.Forget(cluster << geometry.ClusterBits, geometry.ClusterSize);
        guard.AddMetadata(cluster, MetadataKinds.ActiveL2);
        var entry = L1Entry.Owned(cluster << geometry.ClusterBits);
        l1.Set(index, entry.Raw);
        return entry;
    }

    private long SliceOffset(L1Entry table, long guestOffset)
    {
        var within = (geometry.L2Index(guestOffset) >> _sliceEntryBits) * (long)cache.SliceSize;
        return table.TableOffset + within;
    }
}
