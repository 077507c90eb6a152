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
        if (BinaryPrimitives.ReadUInt32BigEndian(data[4..]) != 0) throw new Qcow2FormatException(
            "bitmaps_ext: Reserved field is not zero");
        if (count > MaxBitmaps) throw new Qcow2FormatException(
            $"bitmaps_ext: Image has {count} bitmaps, exceeding the QEMU supported maximum of {MaxBitmaps}");
        if (count == 0) throw new Qcow2FormatException("found bitmaps extension with zero bitmaps");
        if (!geometry.IsClusterAligned((long)offset)) throw new Qcow2FormatException(
            "bitmaps_ext: invalid bitmap directory offset");
        if (size > MaxDirectorySize)
            throw new Qcow2FormatException(
                $"bitmaps_ext: bitmap directory size ({size}) exceeds the maximum supported size ({MaxDirectorySize})");
        if (size == 0) throw new Qcow2FormatException("Requested bitmap directory size is zero");
        if (!geometry.IsTablePlace(offset, (long)size)) throw new Qcow2FormatException(
            "bitmaps_ext: invalid bitmap directory offset");
        return new BitmapsExtension(count, (long)size, (long)offset);
    }

    public byte[] Encode()
    {
        var data = new byte[Size];
        BinaryPrimitives.WriteUInt32BigEndian(data, Count);
        BinaryPrimitives.WriteUInt64BigEndian(data.AsSpan(8), (ulong)DirectorySize);
        BinaryPrimitives.WriteUInt64BigEndian(data.AsSpan(16), (ulong)DirectoryOffset);
        return data;
    }
}
