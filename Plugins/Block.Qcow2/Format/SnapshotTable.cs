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

    /// <summary>Null: not counted.</summary>
    public ulong? InstructionCount { get; init; }

    /// <summary>Extra data beyond what is known here, kept as it was.</summary>
    public byte[] UnknownExtra { get; init; } = [];
}

/// <summary>Reads and writes the snapshot table ("Snapshots").</summary>
/// <remarks>
/// <code>
///  0 L1 offset   8 L1 entries   12 id length   14 name length   16 seconds   20 nanoseconds
/// 24 VM clock   32 VM state    36 extra length
/// 40 extra data (VM state : u64, disk size : u64, icount : u64), id, name, padding to 8
/// </code>
/// </remarks>
internal static class SnapshotTable
{
    public const int FixedSize = 40;
    public const int MaxExtra = 1024;
    public const int KnownExtra = 24;

    public const long MaxTableBytes = 64L << 20;

    /// <summary>Most bytes one entry can take, padding included.</summary>
    public const int MaxEntrySize = FixedSize + MaxExtra + (2 * ushort.MaxValue) + 7;

    /// <summary>Bytes of extra data that an entry says it has.</summary>
    public static uint ExtraSize(ReadOnlySpan<byte> entry) => BinaryPrimitives.ReadUInt32BigEndian(entry[36..]);

    public static void SetExtraSize(Span<byte> entry, uint size) => BinaryPrimitives.WriteUInt32BigEndian(entry[36..], size);

    /// <summary>What an entry takes in the table.</summary>
    public static long EntrySize(ReadOnlySpan<byte> entry) =>
        (FixedSize + (long)ExtraSize(entry)
            + BinaryPrimitives.ReadUInt16BigEndian(entry[12..]) + BinaryPrimitives.ReadUInt16BigEndian(entry[14..]) + 7) & ~7L;

    public static SnapshotEntry ParseEntry(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < FixedSize) throw new Qcow2FormatException("Failed to read snapshot table");
        var idLength = BinaryPrimitives.ReadUInt16BigEndian(bytes[12..]);
        var nameLength = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        var extra = ExtraSize(bytes);
        if (extra > MaxExtra) throw new Qcow2FormatException("Too much extra metadata in snapshot table entry");
        var end = FixedSize + (int)extra + idLength + nameLength;
        if (end > bytes.Length) throw new Qcow2FormatException("Failed to read snapshot table");

        var text = bytes[(FixedSize + (int)extra)..end];
        var l1Entries = BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]);
        var l1Offset = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        return new SnapshotEntry
        {
            L1Offset = (long)l1Offset,
            L1Entries = (int)Math.Min(l1Entries, int.MaxValue),
            Seconds = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]),
            Nanoseconds = BinaryPrimitives.ReadUInt32BigEndian(bytes[20..]),
            VmClockNanoseconds = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]),
            VmStateSize = extra >= 8
                ? BinaryPrimitives.ReadUInt64BigEndian(bytes[FixedSize..])
                : BinaryPrimitives.ReadUInt32BigEndian(bytes[32..]),
            DiskSize = extra >= 16 ? BinaryPrimitives.ReadUInt64BigEndian(bytes[(FixedSize + 8)..]) : null,
            InstructionCount = extra >= KnownExtra
                && BinaryPrimitives.ReadUInt64BigEndian(bytes[(FixedSize + 16)..]) is not ulong.MaxValue and var count
                    ? count
                    : null,
            UnknownExtra = extra > KnownExtra ? bytes[(FixedSize + KnownExtra)..(FixedSize + (int)extra)].ToArray() : [],
            Id = Encoding.UTF8.GetString(text[..idLength]),
            Name = Encoding.UTF8.GetString(text[idLength..]),
        };
    }

    /// <summary>Refuses an entry whose L1 table cannot be one.</summary>
    public static void Validate(SnapshotEntry entry, ClusterGeometry geometry)
    {
        if (entry.L1Entries > ClusterGeometry.MaxL1Bytes / sizeof(ulong))
            throw new Qcow2FormatException("Snapshot L1 table too large", Qcow2Fault.TooLarge);
        if (!geometry.IsTablePlace((ulong)entry.L1Offset, (long)entry.L1Entries * sizeof(ulong)))
            throw new Qcow2FormatException("Snapshot L1 table offset invalid");
    }

    /// <summary>The table as it lies on disk.</summary>
    /// <param name="entries">The snapshots.</param>
    /// <param name="diskSize">The disk's length in bytes, which snapshots without a size of their own are taken to have.</param>
    public static byte[] Encode(IReadOnlyList<SnapshotEntry> entries, long diskSize)
    {
        using var table = new MemoryStream();
        foreach (var entry in entries)
        {
            table.Write(EncodeEntry(entry, entry.DiskSize ?? (ulong)diskSize));
            table.SetLength((table.Length + 7) & ~7L);
            table.Position = table.Length;
        }
        return table.ToArray();
    }

    private static byte[] EncodeEntry(SnapshotEntry entry, ulong diskSize)
    {
        var (id, name) = (Encoding.UTF8.GetBytes(entry.Id), Encoding.UTF8.GetBytes(entry.Name));
        var extra = KnownExtra + entry.UnknownExtra.Length;
        var bytes = new byte[FixedSize + extra + id.Length + name.Length];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, (ulong)entry.L1Offset);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), (uint)entry.L1Entries);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(12), (ushort)id.Length);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(14), (ushort)name.Length);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(16), entry.Seconds);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(20), entry.Nanoseconds);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(24), entry.VmClockNanoseconds);

        // The field of old readers; where the size does not fit, they see none.
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(32), entry.VmStateSize <= uint.MaxValue ? (uint)entry.VmStateSize : 0);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(36), (uint)extra);
        var rest = bytes.AsSpan(FixedSize);
        BinaryPrimitives.WriteUInt64BigEndian(rest, entry.VmStateSize);
        BinaryPrimitives.WriteUInt64BigEndian(rest[8..], diskSize);
        BinaryPrimitives.WriteUInt64BigEndian(rest[16..], entry.InstructionCount ?? ulong.MaxValue);
        entry.UnknownExtra.CopyTo(rest[KnownExtra..]);
        id.CopyTo(rest[extra..]);
        name.CopyTo(rest[(extra + id.Length)..]);
        return bytes;
    }
}
