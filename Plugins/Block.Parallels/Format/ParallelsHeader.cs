// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Parallels.Format;

/// <summary>
/// The first bytes of an image, little-endian ("Header" of the description of Parallels' expandable images):
/// <code>
///    0 magic        20 heads         32 entries of the table     44 in use           52 flags
///   16 version 2    24 cylinders     36 sectors of the disk      48 data (sector)    56 extension (sector)
///                   28 sectors of a cluster
/// </code>
/// The table (BAT) follows. Its entries count sectors; in images with the newer magic they count clusters.
/// </summary>
internal sealed record ParallelsHeader
{
    public const int Size = 64;
    public const int SectorSize = 512;
    public const int EntrySize = sizeof(uint);
    public const uint OpenMark = 0x746f6e59;
    public const uint LargestCluster = (int.MaxValue / 513) - 1;

    public static ReadOnlySpan<byte> OldMagic => "WithoutFreeSpace"u8;

    public static ReadOnlySpan<byte> NewMagic => "WithouFreSpacExt"u8;

    private const uint SupportedVersion = 2;

    public bool IsNew { get; private init; }

    public bool IsKnown { get; private init; }

    public uint Heads { get; init; }

    public uint Cylinders { get; init; }

    /// <summary>Sectors.</summary>
    public uint ClusterSectors { get; init; }

    public uint Entries { get; init; }

    public ulong Sectors { get; init; }

    public uint InUse { get; init; }

    /// <summary>Where the first cluster may be; 0: behind the table.</summary>
    public uint DataSector { get; init; }

    public uint Flags { get; init; }

    /// <summary>Where the format extension is; 0: there is none.</summary>
    public ulong ExtensionSector { get; init; }

    public long ClusterSize => (long)ClusterSectors * SectorSize;

    public long Length => (long)Sectors * SectorSize;

    public long TableEnd => Size + Entries * (long)EntrySize;

    /// <summary>Bytes that an entry counts.</summary>
    public long EntryUnit => IsNew ? ClusterSize : SectorSize;

    /// <summary>What lies before this in the file is header and table.</summary>
    public long DataOffset => Math.Max(DataSector * (long)SectorSize, (TableEnd + SectorSize - 1) / SectorSize * SectorSize);

    public static bool HasMagic(ReadOnlySpan<byte> head) =>
        head.Length >= 20 && (head.StartsWith(OldMagic) || head.StartsWith(NewMagic))
            && BinaryPrimitives.ReadUInt32LittleEndian(head[16..]) == SupportedVersion;

    public static ParallelsHeader New(long clusterSize, long length) => new()
    {
        IsNew = true,
        IsKnown = true,
        Heads = 16,
        Cylinders = (uint)(length / SectorSize / 16 / 32),
        ClusterSectors = (uint)(clusterSize / SectorSize),
        Entries = (uint)((length + clusterSize - 1) / clusterSize),
        Sectors = (ulong)(length / SectorSize),
    };

    public static ParallelsHeader Parse(ReadOnlySpan<byte> bytes)
    {
        var isNew = bytes.StartsWith(NewMagic);
        var sectors = BinaryPrimitives.ReadUInt64LittleEndian(bytes[36..]);
        return new()
        {
            IsNew = isNew,
            IsKnown = HasMagic(bytes),
            Heads = BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]),
            Cylinders = BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]),
            ClusterSectors = BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]),
            Entries = BinaryPrimitives.ReadUInt32LittleEndian(bytes[32..]),
            Sectors = isNew ? sectors : (uint)sectors,
            InUse = BinaryPrimitives.ReadUInt32LittleEndian(bytes[44..]),
            DataSector = BinaryPrimitives.ReadUInt32LittleEndian(bytes[48..]),
            Flags = BinaryPrimitives.ReadUInt32LittleEndian(bytes[52..]),
            ExtensionSector = BinaryPrimitives.ReadUInt64LittleEndian(bytes[56..]),
        };
    }

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        (IsNew ? NewMagic : OldMagic).CopyTo(bytes);
        Set(16, SupportedVersion);
        Set(20, Heads);
        Set(24, Cylinders);
        Set(28, ClusterSectors);
        Set(32, Entries);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(36), Sectors);
        Set(44, InUse);
        Set(48, DataSector);
        Set(52, Flags);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(56), ExtensionSector);
        return bytes;

        void Set(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), value);
    }
}
