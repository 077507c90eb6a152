// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>One internal snapshot as the snapshot table describes it.</summary>
internal sealed record SnapshotEntry
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required long L1Offset { get; init; }
    public required int L1Entries { get; init; }
    public uint Seconds { get; init; }
    public uint Nanoseconds { get; init; }
    public ulong VmClockNanoseconds { get; init; }
    public ulong VmStateSize { get; init; }

    /// <summary>Virtual disk size when the snapshot was taken; null in old version 2 images.</summary>
    public ulong? DiskSize { get; init; }
}

/// <summary>Reads the snapshot table ("Snapshots").</summary>
/// <remarks>
/// <code>
///  0 L1 offset   8 L1 entries   12 id length   14 name length   16 seconds   20 nanoseconds
/// 24 VM clock   32 VM state    36 extra length
/// 40 extra data (VM state : u64, disk size : u64, icount : u64), id, name, padding to 8
/// </code>
/// </remarks>
internal static class SnapshotTable
{
    private const int FixedSize = 40;
    private const int MaxExtra = 1024;

    public const long MaxTableBytes = 64L << 20;

    /// <summary>Most bytes one entry can take, padding included.</summary>
    public const int MaxEntrySize = FixedSize + MaxExtra + (2 * ushort.MaxValue) + 7;

    /// <summary>Reads one entry; <paramref name="size"/> is what it takes in the table.</summary>
    public static SnapshotEntry ParseEntry(ReadOnlySpan<byte> bytes, ClusterGeometry geometry, out int size)
    {
        if (bytes.Length < FixedSize) throw new Qcow2FormatException("Failed to read snapshot table");
        var idLength = BinaryPrimitives.ReadUInt16BigEndian(bytes[12..]);
        var nameLength = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        var extra = BinaryPrimitives.ReadUInt32BigEndian(bytes[36..]);
        if (extra > MaxExtra) throw new Qcow2FormatException("Too much extra metadata in snapshot table entry");
        var end = FixedSize + (int)extra + idLength + nameLength;
        size = (end + 7) & ~7;
        if (end > bytes.Length) throw new Qcow2FormatException("Failed to read snapshot table");

        var text = bytes[(FixedSize + (int)extra)..end];
        var l1Entries = BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]);
        var l1Offset = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        if (l1Entries > ClusterGeometry.MaxL1Bytes / sizeof(ulong))
            throw new Qcow2FormatException("Snapshot L1 table too large", Qcow2Fault.TooLarge);
        if (!geometry.IsTablePlace(l1Offset, l1Entries * (long)sizeof(ulong)))
            throw new Qcow2FormatException("Snapshot L1 table offset invalid");
        return new SnapshotEntry
        {
            L1Offset = (long)l1Offset,
            L1Entries = (int)l1Entries,
            Seconds = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]),
            Nanoseconds = BinaryPrimitives.ReadUInt32BigEndian(bytes[20..]),
            VmClockNanoseconds = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]),
            VmStateSize = extra >= 8
                ? BinaryPrimitives.ReadUInt64BigEndian(bytes[FixedSize..])
                : BinaryPrimitives.ReadUInt32BigEndian(bytes[32..]),
            DiskSize = extra >= 16 ? BinaryPrimitives.ReadUInt64BigEndian(bytes[(FixedSize + 8)..]) : null,
            Id = Encoding.UTF8.GetString(text[..idLength]),
            Name = Encoding.UTF8.GetString(text[idLength..]),
        };
    }
}
