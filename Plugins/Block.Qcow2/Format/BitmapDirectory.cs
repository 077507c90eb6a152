// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>Where an image's persistent bitmaps are recorded (the data of the bitmaps header extension).</summary>
internal readonly record struct BitmapsExtension(uint Count, long DirectorySize, long DirectoryOffset)
{
    public const int Size = 24;
    public const int MaxBitmaps = 65535;
    public const long MaxDirectorySize = MaxBitmaps * 1024L;

    /// <exception cref="Qcow2FormatException">A field is out of its limits.</exception>
    public static BitmapsExtension Parse(ReadOnlySpan<byte> data, ClusterGeometry geometry)
    {
        if (data.Length != Size) throw new Qcow2FormatException("bitmaps_ext: Invalid extension length");
        var count = BinaryPrimitives.ReadUInt32BigEndian(data);
        var size = BinaryPrimitives.ReadUInt64BigEndian(data[8..]);
        var offset = BinaryPrimitives.ReadUInt64BigEndian(data[16..]);
        if (BinaryPrimitives.ReadUInt32BigEndian(data[4..]) != 0) throw new Qcow2FormatException("bitmaps_ext: Reserved field is not zero");
        if (count > MaxBitmaps) throw new Qcow2FormatException($"bitmaps_ext: image has {count} bitmaps, exceeding the QEMU supported maximum of {MaxBitmaps}");
        if (count == 0) throw new Qcow2FormatException("bitmaps_ext: found bitmaps extension with zero bitmaps");
        if (size > MaxDirectorySize) throw new Qcow2FormatException("bitmaps_ext: bitmap directory size is too large");
        if (!geometry.IsTablePlace(offset, (long)size)) throw new Qcow2FormatException("bitmaps_ext: invalid bitmap directory offset");
        return new BitmapsExtension(count, (long)size, (long)offset);
    }
}

/// <summary>One entry of the bitmap directory ("Bitmap directory"), as far as its clusters are concerned.</summary>
/// <remarks>
/// <code>
/// 0 table offset   8 table entries   12 flags   16 type   17 granularity bits   18 name length   20 extra length
/// 24 extra data, name, padding to 8
/// </code>
/// </remarks>
internal readonly record struct BitmapEntry(long TableOffset, int TableEntries, bool InUse, int GranularityBits, int NameLength)
{
    private const int FixedSize = 24;

    /// <summary>Bytes of the entry in a directory that holds no extra data.</summary>
    public int PlainSize => (FixedSize + NameLength + 7) & ~7;

    /// <summary>Host offset bits of a bitmap table entry.</summary>
    public const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;

    public static List<BitmapEntry> ParseDirectory(ReadOnlySpan<byte> directory, ClusterGeometry geometry)
    {
        var found = new List<BitmapEntry>();
        while (directory.Length > 0)
        {
            if (directory.Length < FixedSize) throw new Qcow2FormatException("Bitmap directory is truncated");
            var offset = BinaryPrimitives.ReadUInt64BigEndian(directory);
            var entries = BinaryPrimitives.ReadUInt32BigEndian(directory[8..]);
            var size = FixedSize + (long)BinaryPrimitives.ReadUInt16BigEndian(directory[18..]) + BinaryPrimitives.ReadUInt32BigEndian(directory[20..]);
            size = (size + 7) & ~7L;
            if (size > directory.Length) throw new Qcow2FormatException("Bitmap directory is truncated");
            if (entries > ClusterGeometry.MaxL1Bytes / sizeof(ulong) || !geometry.IsTablePlace(offset, entries * (long)sizeof(ulong)))
                throw new Qcow2FormatException("Bitmap table offset invalid");
            found.Add(new BitmapEntry(
                (long)offset, (int)entries, (directory[15] & 1) != 0, directory[17], BinaryPrimitives.ReadUInt16BigEndian(directory[18..])));
            directory = directory[(int)size..];
        }
        return found;
    }
}
