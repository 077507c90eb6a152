// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Maintenance;

/// <summary>
/// Walks everything that refers to clusters and counts the references. Findings are worded as QEMU words them. Runs
/// while no metadata is dirty, under the metadata lock.
/// </summary>
internal sealed class ReferenceCounter(Qcow2Image image, CheckReport report)
{
    private readonly ClusterGeometry _geometry = image.Geometry;
    private readonly long _fileLength = image.File.Length;

    // Host offset at which the next data cluster would continue the last; 0 before the first.
    private long _nextContiguous;

    public ReferenceMap References { get; } = new();

    /// <summary>Refcount table indices whose entry or block cannot be trusted.</summary>
    public HashSet<long> BadBlocks { get; } = [];

    /// <summary>Counts the tables, the data and the snapshots; the refcount structure is <see cref="CountRefcountsAsync"/>'s.</summary>
    public async ValueTask CountContentAsync(CancellationToken cancellationToken)
    {
        Count(0, _geometry.ClusterSize);
        Count(image.L1.Offset, (long)image.L1.Count * sizeof(ulong));
        await CountMappingsAsync(image.L1.Snapshot(), isActive: true, cancellationToken).ConfigureAwait(false);
        foreach (var snapshot in image.Snapshots)
        {
            Count(snapshot.L1Offset, (long)snapshot.L1Entries * sizeof(ulong));
            var l1 = await TopTable.LoadAsync(image.File, snapshot.L1Offset, snapshot.L1Entries, cancellationToken).ConfigureAwait(false);
            await CountMappingsAsync(l1, isActive: false, cancellationToken).ConfigureAwait(false);
        }
        Count(image.Header.Current.SnapshotsOffset, image.SnapshotTableBytes);
        await CountBitmapsAsync(cancellationToken).ConfigureAwait(false);
    }

    public ValueTask CountRefcountsAsync()
    {
        var table = image.Allocator.Table;
        Count(table.Offset, (long)table.Count * sizeof(ulong));
        for (var i = 0; i < table.Count; i++)
        {
            var offset = (long)(table[i] & ~0x1ffUL);
            if (table[i] == 0) continue;
            if (offset != (long)table[i])
            {
                report.Corruption($"ERROR refcount table entry {i} has reserved bits set");
                BadBlocks.Add(i);
            }
            else if (!_geometry.IsClusterAligned(offset))
            {
                report.Corruption($"ERROR refcount block {i} is not cluster aligned; refcount table entry corrupted");
                BadBlocks.Add(i);
            }
            else if (offset < 0 || offset >= _fileLength)
            {
                report.Corruption($"ERROR refcount block {i} is outside image");
                BadBlocks.Add(i);
            }
            else
            {
                Count(offset, _geometry.ClusterSize);
                var references = References[_geometry.ClusterIndex(offset)];
                if (references == 1) continue;
                report.Corruption($"ERROR refcount block {i} refcount={references}");
                BadBlocks.Add(i);
            }
        }
        return default;
    }

    private async ValueTask CountMappingsAsync(ulong[] l1, bool isActive, CancellationToken cancellationToken)
    {
        using var buffer = image.Buffers.Rent(_geometry.ClusterSize);
        foreach (var raw in l1)
        {
            var entry = new L1Entry(raw);
            if (entry.TableOffset == 0) continue;
            cancellationToken.ThrowIfCancellationRequested();
            if (entry.HasReservedBits)
                report.Corruption($"ERROR found L1 entry with reserved bits set: {raw:x}");
            Count(entry.TableOffset, _geometry.ClusterSize);
            if (!_geometry.IsClusterAligned(entry.TableOffset))
            {
                report.Corruption($"ERROR l2_offset={entry.TableOffset:x}: Table is not cluster aligned; L1 entry corrupted");
                continue;
            }
            var table = buffer.Memory[.._geometry.ClusterSize];
            await image.File.ReadAsync(entry.TableOffset, table, cancellationToken: cancellationToken).ConfigureAwait(false);
            CountTable(table.Span, isActive);
        }
    }

    private void CountTable(ReadOnlySpan<byte> table, bool isActive)
    {
        for (var at = 0; at < table.Length; at += _geometry.L2EntrySize)
        {
            var entry = new L2Entry(BinaryPrimitives.ReadUInt64BigEndian(table[at..]));
            var bitmap = _geometry.ExtendedL2 ? new SubclusterBitmap(BinaryPrimitives.ReadUInt64BigEndian(table[(at + sizeof(ulong))..])) : default;
            CheckBitmap(entry, bitmap, at / _geometry.L2EntrySize);
            if (entry.Raw == 0) continue;
            if (entry.Compressed)
                CountCompressed(entry, isActive);
            else
                CountStandard(entry, isActive);
        }
    }

    private void CheckBitmap(L2Entry entry, SubclusterBitmap bitmap, int index)
    {
        if (entry.Compressed)
        {
            if (bitmap.Raw != 0) report.Corruption($"ERROR compressed cluster {index} with non-zero subcluster allocation bitmap, entry=0x{entry.Raw:x}");
        }
        else if (entry.HostOffset == 0)
        {
            if (bitmap.Allocated != 0) report.Corruption("ERROR: Unallocated cluster has non-zero subcluster allocation map");
        }
        else if (!bitmap.IsValid)
        {
            report.Corruption($"ERROR offset={entry.HostOffset:x}: Allocated cluster has corrupted subcluster allocation bitmap");
        }
    }

    private void CountCompressed(L2Entry entry, bool isActive)
    {
        var piece = CompressedCluster.Decode(entry, _geometry);
        if (entry.Copied)
            report.Corruption($"ERROR: coffset=0x{piece.HostOffset:x}: copied flag must never be set for compressed clusters");
        Count(piece.HostOffset, piece.Length);
        if (!isActive) return;
        report.AllocatedClusters++;
        report.CompressedClusters++;

        // Compressed clusters are fragmented by nature: sectors of one and the same host cluster.
        report.FragmentedClusters++;
    }

    private void CountStandard(L2Entry entry, bool isActive)
    {
        if (entry.HasReservedBits)
            report.Corruption($"ERROR found l2 entry with reserved bits set: {entry.Raw:x}");
        if (entry.HostOffset == 0) return;
        if (!_geometry.IsClusterAligned(entry.HostOffset))
        {
            report.Corruption(entry.Kind == ClusterKind.ZeroAllocated
                ? $"ERROR offset={entry.HostOffset:x}: Preallocated cluster is not properly aligned; L2 entry corrupted."
                : $"ERROR offset={entry.HostOffset:x}: Cluster is not properly aligned; L2 entry corrupted.");
            return;
        }
        Count(entry.HostOffset, _geometry.ClusterSize);
        if (!isActive) return;
        report.AllocatedClusters++;
        if (_nextContiguous != 0 && entry.HostOffset != _nextContiguous) report.FragmentedClusters++;
        _nextContiguous = entry.HostOffset + _geometry.ClusterSize;
    }

    private async ValueTask CountBitmapsAsync(CancellationToken cancellationToken)
    {
        var header = image.Header.Current;
        if (!header.Autoclear.HasFlag(AutoclearFeatures.Bitmaps) || header.Extension(HeaderExtension.Bitmaps) is not { } extension) return;
        try
        {
            var bitmaps = BitmapsExtension.Parse(extension.Data, _geometry);
            Count(bitmaps.DirectoryOffset, bitmaps.DirectorySize);
            var directory = new byte[bitmaps.DirectorySize];
            await image.File.ReadAsync(bitmaps.DirectoryOffset, directory, cancellationToken: cancellationToken).ConfigureAwait(false);
            foreach (var bitmap in BitmapEntry.ParseDirectory(directory, _geometry))
            {
                Count(bitmap.TableOffset, (long)bitmap.TableEntries * sizeof(ulong));
                foreach (var entry in await TopTable.LoadAsync(image.File, bitmap.TableOffset, bitmap.TableEntries, cancellationToken).ConfigureAwait(false))
                {
                    if ((entry & BitmapEntry.OffsetMask) != 0) Count((long)(entry & BitmapEntry.OffsetMask), _geometry.ClusterSize);
                }
            }
        }
        catch (Qcow2FormatException e)
        {
            report.Corruption($"ERROR {e.Message}");
        }
    }

    private void Count(long offset, long size)
    {
        if (size == 0) return;

        // The last cluster may be stored in part only.
        if (offset < 0 || offset + size - _fileLength >= _geometry.ClusterSize)
        {
            report.Corruption($"ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset 0x{offset:x} size 0x{size:x}");
            return;
        }
        var last = _geometry.ClusterIndex(offset + size - 1);
        for (var cluster = _geometry.ClusterIndex(offset); cluster <= last; cluster++)
            References.Add(cluster);
    }
}
