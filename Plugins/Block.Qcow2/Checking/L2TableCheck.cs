// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>Examines the entries of the L2 tables under one L1 table, and counts what they refer to.</summary>
internal sealed class L2TableCheck(Qcow2Image image, CheckReport report, ReferenceCounter counter, bool isActive, bool repair)
{
    private readonly ClusterGeometry _geometry = image.Geometry;
    private readonly bool _hasDataFile = image.Header.Current.HasDataFile;

    // Host offset at which the next data cluster would continue the last; 0 before the first.
    private long _nextContiguous;

    /// <param name="table">The table's bytes, changed where an entry is mended.</param>
    public async ValueTask RunAsync(long tableOffset, Memory<byte> table)
    {
        // A run of contiguous clusters is looked for in each table by itself.
        _nextContiguous = 0;
        if (!table.Span.ContainsAnyExcept((byte)0)) return;
        for (var i = 0; i < _geometry.L2Entries; i++)
        {
            i += CountPlainRun(i, table.Span);
            if (i == _geometry.L2Entries) break;
            if (Examine(i, table.Span)) await ZeroAsync(tableOffset, i, table).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Counts a run of ordinary data clusters that lie one behind the other; nothing can be said against those.
    /// </summary>
    /// <returns>How many there are.</returns>
    private int CountPlainRun(int index, ReadOnlySpan<byte> table)
    {
        var run = _geometry.ExtendedL2 || _hasDataFile ? 0 : PlainRun.LengthAt(table, index, _geometry);
        if (run == 0) return 0;
        var first = new L2Entry(BinaryPrimitives.ReadUInt64BigEndian(table[(index * sizeof(ulong))..])).HostOffset;
        var end = first + ((long)run << _geometry.ClusterBits);
        if (!counter.IsInFile(end)) return 0;
        counter.CountRun(_geometry.ClusterIndex(first), run);
        if (!isActive) return run;
        report.AllocatedClusters += run;
        if (_nextContiguous != 0 && first != _nextContiguous) report.FragmentedClusters++;
        _nextContiguous = end;
        return run;
    }

    /// <returns>The entry says nothing about data and cannot be right: a plain zero cluster is to take its place.</returns>
    private bool Examine(int index, ReadOnlySpan<byte> table)
    {
        var bytes = table[(index * _geometry.L2EntrySize)..];
        var entry = new L2Entry(BinaryPrimitives.ReadUInt64BigEndian(bytes));
        var bitmap = new SubclusterBitmap(_geometry.ExtendedL2 ? BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]) : 0);
        if (entry.Raw == 0 && bitmap.Raw == 0) return false;
        if (entry.Compressed)
            CountCompressed(index, entry, bitmap);
        else
            return CountStandard(entry, bitmap);
        return false;
    }

    private void CountCompressed(int index, L2Entry entry, SubclusterBitmap bitmap)
    {
        var piece = CompressedCluster.Decode(entry, _geometry);
        if (entry.Copied)
            report.Corruption($"ERROR: coffset=0x{piece.HostOffset:x}: copied flag must never be set for compressed clusters");
        var raw = entry.Raw & ~L2Entry.CopiedBit;
        if (_hasDataFile)
        {
            report.Corruption($"ERROR compressed cluster {index} with data file, entry=0x{raw:x}");
            return;
        }
        if (bitmap.Raw != 0)
        {
            report.Corruption($"ERROR compressed cluster {index} with non-zero subcluster allocation bitmap, entry=0x{raw:x}");
            return;
        }
        counter.Count(piece.HostOffset, piece.Length);
        if (!isActive) return;
        report.AllocatedClusters++;
        report.CompressedClusters++;

        // Compressed clusters are fragmented by nature: sectors of one and the same host cluster.
        report.FragmentedClusters++;
    }

    private bool CountStandard(L2Entry entry, SubclusterBitmap bitmap)
    {
        if (entry.HasReservedBits)
            report.Corruption($"ERROR found l2 entry with reserved bits set: {entry.Raw:x}");
        if (entry.HostOffset == 0 && !(_hasDataFile && entry.Copied))
        {
            if (bitmap.Allocated != 0) report.Corruption("ERROR: Unallocated cluster has non-zero subcluster allocation map");
            return false;
        }
        if (!bitmap.IsValid)
            report.Corruption($"ERROR offset={entry.HostOffset:x}: Allocated cluster has corrupted subcluster allocation bitmap");
        if (!_geometry.IsClusterAligned(entry.HostOffset) && CheckAlignment(entry, bitmap)) return true;
        CountData(entry.HostOffset);
        return false;
    }

    /// <returns>The entry is to be mended.</returns>
    private bool CheckAlignment(L2Entry entry, SubclusterBitmap bitmap)
    {
        var holdsData = _geometry.ExtendedL2 ? bitmap.Allocated != 0 : (entry.Raw & L2Entry.ZeroBit) == 0;
        if (holdsData)
        {
            report.Corruption($"ERROR offset={entry.HostOffset:x}: Data cluster is not properly aligned; L2 entry corrupted.");
            return false;
        }
        report.Corruption(
            $"{(repair ? "Repairing" : "ERROR")} offset={entry.HostOffset:x}: Preallocated cluster is not properly aligned; L2 entry corrupted.");
        return repair;
    }

    private void CountData(long offset)
    {
        if (isActive)
        {
            report.AllocatedClusters++;
            if (_nextContiguous != 0 && offset != _nextContiguous) report.FragmentedClusters++;
            _nextContiguous = offset + _geometry.ClusterSize;
        }
        if (!_hasDataFile) counter.Count(offset, _geometry.ClusterSize);
    }

    private async ValueTask ZeroAsync(long tableOffset, int index, Memory<byte> table)
    {
        var at = index * _geometry.L2EntrySize;
        BinaryPrimitives.WriteUInt64BigEndian(table.Span[at..], _geometry.ExtendedL2 ? 0 : L2Entry.ZeroBit);
        if (_geometry.ExtendedL2) BinaryPrimitives.WriteUInt64BigEndian(
            table.Span[(at + 8)..], default(SubclusterBitmap).WithZero(0, _geometry.Subclusters).Raw);
        try
        {
            await image.WriteTableAsync(tableOffset + at, table.Slice(at, _geometry.L2EntrySize), isActive).ConfigureAwait(false);
            report.Counts = report.Counts with
            {
                Corruptions = report.Counts.Corruptions - 1,
                CorruptionsFixed = report.Counts.CorruptionsFixed + 1,
            };
        }
        catch (BlockException e)
        {
            report.CheckError($"ERROR: Failed to overwrite L2 table entry: {e.Message}");
        }
    }
}
