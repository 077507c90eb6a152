// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Vpc.Format;

/// <summary>
/// The last sector of an image, of which one that grows has a copy at its beginning ("Hard Disk Footer Format", big-endian):
/// <code>
///    0 "conectix"        24 time (from 2000)     40 original size    60 type
///    8 features          28 creator              48 current size     64 checksum
///   12 version           32 its version          56 C/H/S            68 UUID
///   16 offset of header  36 its system                               84 saved state
/// </code>
/// </summary>
internal sealed class Footer(byte[] sector)
{
    public const int Size = 512;
    public const int SectorSize = 512;

    /// <summary>2040 GiB.</summary>
    public const long MostSectors = 0xff000000;

    private const int ChecksumAt = 64;
    private static readonly DateTimeOffset Epoch = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Whose sizes are exact, and not those of the geometry.</summary>
    private static readonly string[] ExactCreators = ["win ", "qem2", "d2v ", "tap\0", "CTXS"];

    public bool HasMagic => sector.AsSpan().StartsWith("conectix"u8);

    public long HeaderOffset => BinaryPrimitives.ReadInt64BigEndian(sector.AsSpan(16));

    public DiskType Type => (DiskType)BinaryPrimitives.ReadUInt32BigEndian(sector.AsSpan(60));

    /// <summary>Of making the image, in seconds.</summary>
    public uint Time => BinaryPrimitives.ReadUInt32BigEndian(sector.AsSpan(24));

    public Guid Id => new(sector.AsSpan(68, 16), bigEndian: true);

    public Geometry Geometry => new(BinaryPrimitives.ReadUInt16BigEndian(sector.AsSpan(56)), sector[58], sector[59]);

    public ulong CurrentSize => BinaryPrimitives.ReadUInt64BigEndian(sector.AsSpan(48));

    public bool IsIntact => Checksum.Of(sector, ChecksumAt) == BinaryPrimitives.ReadUInt32BigEndian(sector.AsSpan(ChecksumAt));

    public bool SaysExactSize => Array.IndexOf(ExactCreators, System.Text.Encoding.Latin1.GetString(sector, 28, 4)) >= 0;

    public static Footer New(DiskType type, DateTimeOffset now)
    {
        var sector = new byte[Size];
        "conectix"u8.CopyTo(sector);
        BinaryPrimitives.WriteUInt32BigEndian(sector.AsSpan(8), 2);
        BinaryPrimitives.WriteUInt32BigEndian(sector.AsSpan(12), 0x10000);
        BinaryPrimitives.WriteInt64BigEndian(sector.AsSpan(16), type == DiskType.Fixed ? -1 : Size);
        BinaryPrimitives.WriteUInt32BigEndian(sector.AsSpan(24), (uint)(now - Epoch).TotalSeconds);
        BinaryPrimitives.WriteUInt32BigEndian(sector.AsSpan(32), 0x00050003);
        "Wi2k"u8.CopyTo(sector.AsSpan(36));
        BinaryPrimitives.WriteUInt32BigEndian(sector.AsSpan(60), (uint)type);
        Guid.NewGuid().TryWriteBytes(sector.AsSpan(68));
        return new Footer(sector);
    }

    public byte[] ToBytes() => [.. sector];

    /// <summary>Sectors of the disk.</summary>
    /// <param name="byGeometry">The user says which of the two sizes counts; null: the creator does.</param>
    public ulong SectorsOf(bool? byGeometry)
    {
        var isExact = !(byGeometry ?? !SaysExactSize) || Geometry.Sectors == Geometry.Largest.Sectors;
        return isExact ? CurrentSize / SectorSize : (ulong)Geometry.Sectors;
    }

    /// <summary>
    /// The same image with another length: by a geometry where one has just so many sectors and the creator goes by it.
    /// </summary>
    public Footer WithLength(long bytes, bool exact)
    {
        var copy = ToBytes();
        var geometry = exact ? Geometry.Largest : Geometry.For(bytes / SectorSize);
        (exact ? "qem2"u8 : "qemu"u8).CopyTo(copy.AsSpan(28));
        BinaryPrimitives.WriteInt64BigEndian(copy.AsSpan(40), bytes);
        BinaryPrimitives.WriteInt64BigEndian(copy.AsSpan(48), bytes);
        BinaryPrimitives.WriteUInt16BigEndian(copy.AsSpan(56), (ushort)geometry.Cylinders);
        (copy[58], copy[59]) = ((byte)geometry.Heads, (byte)geometry.SectorsPerTrack);
        BinaryPrimitives.WriteUInt32BigEndian(copy.AsSpan(ChecksumAt), Checksum.Of(copy, ChecksumAt));
        return new Footer(copy);
    }
}

internal enum DiskType : uint
{
    Fixed = 2,
    Dynamic = 3,
    Differencing = 4,
}

/// <summary>The complement of the sum of all bytes but the checksum's own.</summary>
internal static class Checksum
{
    public static uint Of(ReadOnlySpan<byte> bytes, int at)
    {
        uint sum = 0;
        for (var i = 0; i < bytes.Length; i++)
            sum += i >= at && i < at + sizeof(uint) ? 0u : bytes[i];
        return ~sum;
    }
}
