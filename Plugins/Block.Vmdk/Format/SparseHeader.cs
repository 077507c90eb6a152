// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Vmdk.Format;

/// <summary>
/// Header of a hosted sparse extent, "KDMV" ("Virtual Disk Format 5.0", little-endian; offsets and sizes in sectors of 512
/// bytes):
/// <code>
///    4 version      12 capacity       28 descriptor offset   44 entries a table     56 directory    72 unclean
///    8 flags        20 grain size     36 descriptor size     48 second directory    64 overhead     73 text   77 compression
/// </code>
/// </summary>
internal sealed record SparseHeader
{
    public const uint Magic = 0x564d444b;
    public const int Size = 512;

    /// <summary>The directory is where a footer says.</summary>
    public const ulong DirectoryAtEnd = ulong.MaxValue;

    private const uint NewlineTest = 1;
    private const uint SecondDirectory = 2;
    private const uint ZeroGrain = 4;
    private const uint CompressedGrains = 1 << 16;
    private const uint Markers = 1 << 17;

    public uint Version { get; init; }

    public uint Flags { get; init; }

    public long Capacity { get; init; }

    public long GrainSectors { get; init; }

    public long DescriptorOffset { get; init; }

    public long DescriptorSize { get; init; }

    public uint EntriesPerTable { get; init; }

    public long SecondDirectoryOffset { get; init; }

    public ulong DirectoryOffset { get; init; }

    public long Overhead { get; init; }

    public ushort Compression { get; init; }

    public bool HasSecondDirectory => (Flags & SecondDirectory) != 0;

    public bool HasZeroGrain => (Flags & ZeroGrain) != 0;

    public bool HasMarkers => (Flags & Markers) != 0;

    public bool IsCompressed => Compression == 1;

    public static uint FlagsOf(bool zeroGrain, bool compressed) =>
        NewlineTest | SecondDirectory | (zeroGrain ? ZeroGrain : 0) | (compressed ? CompressedGrains | Markers : 0);

    public static SparseHeader Read(ReadOnlySpan<byte> bytes) => new()
    {
        Version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]),
        Flags = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
        Capacity = BinaryPrimitives.ReadInt64LittleEndian(bytes[12..]),
        GrainSectors = BinaryPrimitives.ReadInt64LittleEndian(bytes[20..]),
        DescriptorOffset = BinaryPrimitives.ReadInt64LittleEndian(bytes[28..]),
        DescriptorSize = BinaryPrimitives.ReadInt64LittleEndian(bytes[36..]),
        EntriesPerTable = BinaryPrimitives.ReadUInt32LittleEndian(bytes[44..]),
        SecondDirectoryOffset = BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]),
        DirectoryOffset = BinaryPrimitives.ReadUInt64LittleEndian(bytes[56..]),
        Overhead = BinaryPrimitives.ReadInt64LittleEndian(bytes[64..]),
        Compression = BinaryPrimitives.ReadUInt16LittleEndian(bytes[77..]),
    };

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), Version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Flags);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(12), Capacity);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(20), GrainSectors);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(28), DescriptorOffset);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(36), DescriptorSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(44), EntriesPerTable);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(48), SecondDirectoryOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(56), DirectoryOffset);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(64), Overhead);
        "\n \r\n"u8.CopyTo(bytes.AsSpan(73));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(77), Compression);
        return bytes;
    }
}
