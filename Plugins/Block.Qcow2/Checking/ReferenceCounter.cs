// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Encryption;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>
/// Walks everything that refers to clusters and counts the references. Findings are worded and counted as QEMU does. Runs
/// while no metadata is dirty, under the metadata lock.
/// </summary>
internal sealed class ReferenceCounter(Qcow2Image image, CheckReport report, bool repair)
{
    private const int SectorSize = 512;
    private const int MaxStrayDistance = 1024;

    private readonly ClusterGeometry _geometry = image.Geometry;
    private readonly long _fileLength = (image.File.Length + SectorSize - 1) & ~(SectorSize - 1L);

    public ReferenceMap References { get; } = new();

    /// <summary>Clusters to compare: those of the file, and what is referred to just behind its end.</summary>
    public long Clusters => Math.Max(References.End, _geometry.ClustersFor(_fileLength));

    /// <summary>
    /// One more than the last cluster that something refers to closely behind the end of the file: what is put there by a
    /// repair would belong to two.
    /// </summary>
    public long EndOfStrays { get; private set; }

    /// <summary>The refcount structure cannot be mended count by count.</summary>
    public bool NeedsRebuild { get; private set; }

    public async ValueTask CountAsync(CancellationToken cancellationToken)
    {
        var table = image.Allocator.Table;
        await CountMappingsAsync(cancellationToken).ConfigureAwait(false);
        Count(table.Offset, (long)table.Count * sizeof(ulong));
        if (EncryptionExtension.Find(image.Header.Current) is { } encryption)
            Count(encryption.Offset, encryption.Length);
        await CountBitmapsAsync(cancellationToken).ConfigureAwait(false);
        CountBlocks(table);
    }

    private async ValueTask CountMappingsAsync(CancellationToken cancellationToken)
    {
        Count(0, _geometry.ClusterSize);
        Count(image.L1.Offset, (long)image.L1.Count * sizeof(ulong));
        await CountMappingsAsync(image.L1.Snapshot(), isActive: true, cancellationToken).ConfigureAwait(false);
        if (image.Header.Current.HasDataFile && image.Snapshots.Count > 0)
            report.Corruption($"ERROR {image.Snapshots.Count} snapshots in image with data file");
        foreach (var snapshot in image.Snapshots)
            await CountSnapshotAsync(snapshot, cancellationToken).ConfigureAwait(false);
        Count(image.Header.Current.SnapshotsOffset, image.SnapshotTableBytes);
    }

    public void Count(long offset, long size)
    {
        if (size == 0) return;

        // The last cluster may be stored in part only.
        if (offset < 0 || offset + size - _fileLength >= _geometry.ClusterSize)
        {
            report.Corruption(
                $"ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset 0x{offset:x} size 0x{size:x}");
            NoteStray(offset, size);
            return;
        }
        var last = _geometry.ClusterIndex(offset + size - 1);
        for (var cluster = _geometry.ClusterIndex(offset); cluster <= last; cluster++)
        {
            if (References[cluster] >= _geometry.MaxRefcount)
            {
                report.Corruption($"ERROR: overflow cluster offset=0x{cluster << _geometry.ClusterBits:x}");
                report.Note(
                    "Use qemu-img amend to increase the refcount entry width or qemu-img convert to create a clean copy if the image cannot be opened for writing");
                continue;
            }
            References.Add(cluster);
        }
    }

    /// <summary>Counts whole clusters in a row, all of which lie in the file.</summary>
    public void CountRun(long first, long count)
    {
        for (var done = 0L; done < count;)
        {
            done += References.AddRun(first + done, count - done, _geometry.MaxRefcount);
            if (done < count) Count((first + done++) << _geometry.ClusterBits, _geometry.ClusterSize);
        }
    }

    /// <summary>Whether a range of whole clusters ends in the file.</summary>
    public bool IsInFile(long end) => end - _fileLength < _geometry.ClusterSize;

    private void NoteStray(long offset, long size)
    {
        if (offset < 0) return;
        var end = _geometry.ClusterIndex(offset + size - 1) + 1;
        if (end - _geometry.ClustersFor(_fileLength) <= MaxStrayDistance) EndOfStrays = Math.Max(EndOfStrays, end);
    }

    private void CountBlocks(TopTable table)
    {
        for (var i = 0; i < table.Count; i++)
        {
            var offset = (long)(table[i] & ~0x1ffUL);
            if (offset != (long)table[i])
            {
                Rebuild($"ERROR refcount table entry {i} has reserved bits set");
            }
            else if (!_geometry.IsClusterAligned(offset))
            {
                Rebuild($"ERROR refcount block {i} is not cluster aligned; refcount table entry corrupted");
            }
            else if (offset < 0 || _geometry.ClusterIndex(offset) >= Clusters)
            {
                report.Corruption($"{(repair ? "Repairing" : "ERROR")} refcount block {i} is outside image");
                NeedsRebuild |= repair;
            }
            else if (offset != 0)
            {
                CountBlock(i, offset);
            }
        }
    }

    private void CountBlock(int index, long offset)
    {
        Count(offset, _geometry.ClusterSize);
        var references = References[_geometry.ClusterIndex(offset)];
        if (references != 1) Rebuild($"ERROR refcount block {index} refcount={references}");
    }

    private void Rebuild(string message)
    {
        report.Corruption(message);
        NeedsRebuild = true;
    }

    private async ValueTask CountSnapshotAsync(SnapshotEntry snapshot, CancellationToken cancellationToken)
    {
        var name = $"ERROR snapshot {snapshot.Id} ({snapshot.Name})";
        if (!_geometry.IsClusterAligned(snapshot.L1Offset))
        {
            report.Corruption(
                $"{name} l1_offset={CHex.Of(snapshot.L1Offset)}: L1 table is not cluster aligned; snapshot table entry corrupted");
            return;
        }
        if (snapshot.L1Entries > ClusterGeometry.MaxL1Bytes / sizeof(ulong))
        {
            report.Corruption(
                $"{name} l1_size={CHex.Of(snapshot.L1Entries)}: L1 table is too large; snapshot table entry corrupted");
            return;
        }
        Count(snapshot.L1Offset, (long)snapshot.L1Entries * sizeof(ulong));
        if (!_geometry.IsTablePlace((ulong)snapshot.L1Offset, (long)snapshot.L1Entries * sizeof(ulong)))
        {
            report.CheckError("ERROR: I/O error in check_refcounts_l1");
            return;
        }
        var l1 = await TopTable.LoadAsync(
            image.File, snapshot.L1Offset, snapshot.L1Entries, cancellationToken).ConfigureAwait(false);
        await CountMappingsAsync(l1, isActive: false, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask CountMappingsAsync(ulong[] l1, bool isActive, CancellationToken cancellationToken)
    {
        var entries = new L2TableCheck(image, report, this, isActive, repair);
        using var buffer = image.Buffers.Rent(_geometry.ClusterSize);
        var table = buffer.Memory[.._geometry.ClusterSize];
        foreach (var raw in l1)
        {
            if (raw == 0) continue;
            cancellationToken.ThrowIfCancellationRequested();
            var entry = new L1Entry(raw);
            if (entry.HasReservedBits)
                report.Corruption($"ERROR found L1 entry with reserved bits set: {raw:x}");
            Count(entry.TableOffset, _geometry.ClusterSize);
            if (!_geometry.IsClusterAligned(entry.TableOffset))
                report.Corruption($"ERROR l2_offset={entry.TableOffset:x}: Table is not cluster aligned; L1 entry corrupted");
            await image.File.ReadAsync(entry.TableOffset, table, cancellationToken: cancellationToken).ConfigureAwait(false);
            await entries.RunAsync(entry.TableOffset, table).ConfigureAwait(false);
        }
    }

    private async ValueTask CountBitmapsAsync(CancellationToken cancellationToken)
    {
        var header = image.Header.Current;
        if (!header.Autoclear.HasFlag(AutoclearFeatures.Bitmaps)
            || header.Extension(HeaderExtension.Bitmaps) is not { } extension) return;
        try
        {
            var bitmaps = BitmapsExtension.Parse(extension.Data, _geometry);
            Count(bitmaps.DirectoryOffset, bitmaps.DirectorySize);
            var directory = new byte[bitmaps.DirectorySize];
            await image.File.ReadAsync(
                bitmaps.DirectoryOffset, directory, cancellationToken: cancellationToken).ConfigureAwait(false);
            foreach (var bitmap in BitmapEntry.ParseDirectory(directory, _geometry))
                await CountBitmapAsync(bitmap, cancellationToken).ConfigureAwait(false);
        }
        catch (Qcow2FormatException e)
        {
            report.Corruption($"ERROR {e.Message}");
        }
    }

    private async ValueTask CountBitmapAsync(BitmapEntry bitmap, CancellationToken cancellationToken)
    {
        Count(bitmap.TableOffset, (long)bitmap.TableEntries * sizeof(ulong));
        foreach (var entry in await TopTable.LoadAsync(
            image.File, bitmap.TableOffset, bitmap.TableEntries, cancellationToken).ConfigureAwait(false))
        {
            // A bitmap in use is not read when the image is opened.
            if (!BitmapEntry.IsTableEntry(entry, _geometry))
                throw new BlockException(
                    BlockErrorKind.InvalidArgument,
                    $"Bitmap '{bitmap.Name}' has an invalid table entry: {entry:x}",
                    Errno.EINVAL);
            var offset = (long)(entry & BitmapEntry.OffsetMask);
            if (offset != 0) Count(offset, _geometry.ClusterSize);
        }
    }
}
