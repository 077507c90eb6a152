// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Text;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Bitmaps;

/// <summary>
/// The bits of one bitmap that the image holds, durable. They are never fewer than what was marked; around each that is new,
/// a few more are set at once, so that not every write to a new place waits for the disk.
/// </summary>
internal sealed class JournalledBitmap
{
    private const int SectorSize = 512;
    private const int UnitsPerSector = SectorSize * 8;

    /// <summary>Units that are marked together: 4 MiB of disk at the usual 64 KiB.</summary>
    private const int Together = 64;

    private readonly int _granularityBits;
    private readonly long _units;
    private readonly byte[] _bits;

    private JournalledBitmap(string name, int granularityBits, bool isRecording, long diskSize)
    {
        Name = name;
        IsRecording = isRecording;
        _granularityBits = granularityBits;
        _units = BitmapEntry.Units(diskSize, granularityBits);
        var bytes = BitmapEntry.ContentBytes(diskSize, granularityBits);
        if (bytes > BitmapEntry.MaxContentBytes)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Bitmap '{name}' is too large to be kept in the image");
        ContentBytes = (int)bytes;
        _bits = new byte[(ContentBytes + SectorSize - 1) & -SectorSize];
    }

    public string Name { get; }

    /// <summary>Writes are marked in it, or in the successor that stands in for it.</summary>
    public bool IsRecording { get; }

    public int ContentBytes { get; }

    /// <summary>Where the image keeps the bits: a cluster each.</summary>
    public ulong[] Places { get; set; } = [];

    /// <summary>What a bitmap and its successor hold now.</summary>
    public static JournalledBitmap Of(FollowedBitmap followed, long diskSize)
    {
        var bitmap = followed.Bitmap;
        var journalled = new JournalledBitmap(
            bitmap.Name!, BitOperations.Log2((ulong)bitmap.Granularity), bitmap.IsRecording, diskSize);
        bitmap.ReadBits(0, journalled._bits);
        if (followed.Successor is { } successor)
        {
            var more = new byte[journalled._bits.Length];
            successor.ReadBits(0, more);
            for (var i = 0; i < more.Length; i++) journalled._bits[i] |= more[i];
        }
        return journalled;
    }

    /// <summary>The same bits for a disk of another size; what is new is clean.</summary>
    public JournalledBitmap Resized(long diskSize)
    {
        var resized = new JournalledBitmap(Name, _granularityBits, IsRecording, diskSize);
        _bits.AsSpan(0, Math.Min(_bits.Length, resized._bits.Length)).CopyTo(resized._bits);
        resized.ClearBehindEnd();
        return resized;
    }

    /// <summary>All units that a range of the disk touches are marked, durably.</summary>
    public bool Covers(long offset, long bytes)
    {
        var (first, end) = (offset >> _granularityBits, ((offset + bytes - 1) >> _granularityBits) + 1);
        if (end > _units) return false;
        for (; first < end; first++)
        {
            // Whole bytes at once: a discard may cover the disk.
            if ((first & 7) == 0 && end - first >= 8)
            {
                if (_bits.AsSpan((int)(first >> 3), (int)((end - first) >> 3)).ContainsAnyExcept((byte)0xff)) return false;
                first = (end & ~7L) - 1;
            }
            else if ((Volatile.Read(ref _bits[first >> 3]) >> (int)(first & 7) & 1) == 0)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Copies of the sectors in which units of the ranges are still to be marked, with those marked.</summary>
    public SortedDictionary<int, byte[]> Stage(IEnumerable<(long Offset, long Bytes)> ranges)
    {
        var sectors = new SortedDictionary<int, byte[]>();
        foreach (var (offset, bytes) in ranges)
        {
            if (Covers(offset, bytes)) continue;
            var first = (offset >> _granularityBits) & -Together;
            var end = Math.Min(_units, ((offset + bytes - 1) >> _granularityBits | (Together - 1)) + 1);
            while (first < end)
            {
                var sector = (int)(first / UnitsPerSector);
                if (!sectors.TryGetValue(sector, out var copy))
                    sectors.Add(sector, copy = _bits.AsSpan(sector * SectorSize, SectorSize).ToArray());
                var stop = Math.Min(end, (sector + 1L) * UnitsPerSector);
                Set(copy, (int)(first % UnitsPerSector), (int)(stop - first));
                first = stop;
            }
        }
        return sectors;
    }

    /// <summary>Where the staged sectors belong.</summary>
    public IEnumerable<PendingWrite> WritesOf(SortedDictionary<int, byte[]> staged, ClusterGeometry geometry) =>
        from sector in staged
        let at = (long)sector.Key * SectorSize
        select new PendingWrite((long)Places[at >> geometry.ClusterBits] + geometry.OffsetInCluster(at), sector.Value);

    /// <summary>The staged sectors are durable.</summary>
    public void Publish(SortedDictionary<int, byte[]> staged)
    {
        foreach (var (sector, bits) in staged) bits.CopyTo(_bits, sector * SectorSize);
    }

    /// <summary>Puts the bits that one cluster holds into it.</summary>
    public void CopyCluster(int index, Span<byte> cluster)
    {
        var start = (long)index * cluster.Length;
        cluster.Clear();
        _bits.AsSpan((int)start, (int)Math.Min(cluster.Length, _bits.Length - start)).CopyTo(cluster);
    }

    /// <summary>The entry of a directory for it, in use.</summary>
    public BitmapEntry Describe(long tableOffset) => new(
        tableOffset,
        Places.Length,
        BitmapFlags.InUse | (IsRecording ? BitmapFlags.Auto : BitmapFlags.None),
        BitmapEntry.DirtyTracking,
        _granularityBits,
        Encoding.UTF8.GetBytes(Name),
        []);

    private static void Set(Span<byte> bits, int first, int count)
    {
        bits.Slice(first >> 3, count >> 3).Fill(0xff);
        if ((count & 7) != 0) bits[(first + count) >> 3] |= (byte)((1 << (count & 7)) - 1);
    }

    private void ClearBehindEnd()
    {
        if ((_units & 7) != 0) _bits[_units >> 3] &= (byte)((1 << (int)(_units & 7)) - 1);
        _bits.AsSpan((int)((_units + 7) >> 3)).Clear();
    }
}
