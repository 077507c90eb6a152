// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>Bits of a bitmap directory entry; unknown ones are kept.</summary>
[Flags]
internal enum BitmapFlags : uint
{
    None = 0,

    /// <summary>Not saved as its user wanted: the content is out of date.</summary>
    InUse = 1 << 0,

    /// <summary>Guest writes must be recorded in it.</summary>
    Auto = 1 << 1,

    /// <summary>Who does not understand the extra data may use the bitmap all the same.</summary>
    ExtraDataCompatible = 1 << 2,
    Known = InUse | Auto | ExtraDataCompatible,
}

/// <summary>One entry of the bitmap directory ("Bitmap directory"). What is not understood survives a rewrite.</summary>
/// <remarks>
/// <code>
/// 0 table offset   8 table entries   12 flags   16 type   17 granularity bits   18 name length   20 extra length
/// 24 extra data, name, padding to 8
/// </code>
/// </remarks>
internal sealed record BitmapEntry(
    long TableOffset, int TableEntries, BitmapFlags Flags, byte Type, int GranularityBits, byte[] NameBytes, byte[] Extra)
{
    public const byte DirtyTracking = 1;
    public const int MinGranularityBits = 9;
    public const int MaxGranularityBits = 31;
    public const int MaxNameLength = 1023;

    /// <summary>Largest content of one bitmap in bytes, as QEMU has it.</summary>
    public const long MaxContentBytes = 512L << 20;

    /// <summary>Largest table of one bitmap: a bound for memory, not of the format.</summary>
    public const int MaxTableEntries = (int)(ClusterGeometry.MaxL1Bytes / sizeof(ulong));

    /// <summary>Host offset bits of a bitmap table entry.</summary>
    public const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;

    /// <summary>A table entry without a cluster whose bits are all ones.</summary>
    public const ulong AllOnes = 1;

    /// <summary>Offset of the flags in an entry.</summary>
    public const int FlagsOffset = 12;

    private const int FixedSize = 24;

    public string Name => Encoding.UTF8.GetString(NameBytes);

    public bool InUse => Flags.HasFlag(BitmapFlags.InUse);

    /// <summary>Bytes of the entry in a directory.</summary>
    public int EncodedSize => Aligned(FixedSize + Extra.Length + NameBytes.Length);

    /// <summary>Bytes of an entry without extra data.</summary>
    public int PlainSize => PlainSizeFor(NameBytes.Length);

    /// <summary>A bitmap that this driver can read and write.</summary>
    public bool IsUnderstood =>
        Type == DirtyTracking
        && (Flags & ~BitmapFlags.Known) == 0
        && (Extra.Length == 0 || Flags.HasFlag(BitmapFlags.ExtraDataCompatible))
        && GranularityBits is >= MinGranularityBits and <= MaxGranularityBits
        && NameBytes.Length is > 0 and <= MaxNameLength;

    /// <summary>Whether a table entry names a cluster, or says that there is none and what its bits are.</summary>
    public static bool IsTableEntry(ulong entry, ClusterGeometry geometry)
    {
        var host = (long)(entry & OffsetMask);
        return (entry & ~(OffsetMask | AllOnes)) == 0 && geometry.IsClusterAligned(host) && (host == 0 || (entry & AllOnes) == 0);
    }

    public static int PlainSizeFor(int nameLength) => Aligned(FixedSize + nameLength);

    /// <summary>Bytes of content that the bitmap of a disk has.</summary>
    public static long ContentBytes(long diskSize, int granularityBits) => (Units(diskSize, granularityBits) + 7) / 8;

    /// <summary>Units that a disk has.</summary>
    public static long Units(long diskSize, int granularityBits) =>
        (diskSize >> granularityBits) + ((diskSize & ((1L << granularityBits) - 1)) == 0 ? 0 : 1);

    public static List<BitmapEntry> ParseDirectory(ReadOnlySpan<byte> directory, ClusterGeometry geometry)
    {
        var found = new List<BitmapEntry>();
        while (directory.Length > 0)
        {
            if (directory.Length < FixedSize) throw new Qcow2FormatException("Bitmap directory is truncated");
            var nameLength = BinaryPrimitives.ReadUInt16BigEndian(directory[18..]);
            var extraLength = BinaryPrimitives.ReadUInt32BigEndian(directory[20..]);
            var size = (FixedSize + (long)nameLength + extraLength + 7) & ~7L;
            if (size > directory.Length) throw new Qcow2FormatException("Bitmap directory is truncated");
            found.Add(Parse(directory[..(int)size], (int)extraLength, nameLength, geometry));
            directory = directory[(int)size..];
        }
        return found;
    }

    public static byte[] EncodeDirectory(IReadOnlyList<BitmapEntry> entries)
    {
        var directory = new byte[entries.Sum(e => e.EncodedSize)];
        var at = 0;
        foreach (var entry in entries)
        {
            entry.Encode(directory.AsSpan(at));
            at += entry.EncodedSize;
        }
        return directory;
    }

    private static BitmapEntry Parse(ReadOnlySpan<byte> entry, int extraLength, int nameLength, ClusterGeometry geometry)
    {
        var offset = BinaryPrimitives.ReadUInt64BigEndian(entry);
        var entries = BinaryPrimitives.ReadUInt32BigEndian(entry[8..]);
        if (entries > MaxTableEntries || !geometry.IsTablePlace(offset, entries * (long)sizeof(ulong)))
            throw new Qcow2FormatException("Bitmap table offset invalid");
        return new BitmapEntry(
            (long)offset,
            (int)entries,
            (BitmapFlags)BinaryPrimitives.ReadUInt32BigEndian(entry[FlagsOffset..]),
            entry[16],
            entry[17],
            entry.Slice(FixedSize + extraLength, nameLength).ToArray(),
            entry.Slice(FixedSize, extraLength).ToArray());
    }

    private void Encode(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt64BigEndian(target, (ulong)TableOffset);
        BinaryPrimitives.WriteUInt32BigEndian(target[8..], (uint)TableEntries);
        BinaryPrimitives.WriteUInt32BigEndian(target[FlagsOffset..], (uint)Flags);
        target[16] = Type;
        target[17] = (byte)GranularityBits;
        BinaryPrimitives.WriteUInt16BigEndian(target[18..], (ushort)NameBytes.Length);
        BinaryPrimitives.WriteUInt32BigEndian(target[20..], (uint)Extra.Length);
        Extra.CopyTo(target[FixedSize..]);
        NameBytes.CopyTo(target[(FixedSize + Extra.Length)..]);
    }

    private static int Aligned(int size) => (size + 7) & ~7;
}
