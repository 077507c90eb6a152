// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Qcow.Format;

internal enum CryptMethod : uint
{
    None = 0,
    Aes = 1,
}

/// <summary>
/// The first bytes of an image, big-endian. There is no official text; libyal's "QEMU Copy-On-Write file format" has it, chapter
/// "Version 1":
/// <code>
///    0 "QFI\xfb"    8 backing file's name: offset    20 time of writing    32 cluster bits, table bits    40 top table's offset
///    4 version     16                      length    24 disk size          36 encryption
/// </code>
/// </summary>
internal sealed record QcowHeader
{
    public const int Size = 48;
    public const int SectorSize = 512;
    public const uint Version = 1;
    public const int LongestName = 1023;

    public static ReadOnlySpan<byte> Magic => [(byte)'Q', (byte)'F', (byte)'I', 0xfb];

    public bool IsKnown { get; private init; }

    public uint FileVersion { get; private init; }

    public ulong NameOffset { get; init; }

    public uint NameLength { get; init; }

    public uint WrittenAt { get; private init; }

    /// <summary>Bytes; what is beyond the last whole sector does not count.</summary>
    public ulong DiskSize { get; init; }

    public int ClusterBits { get; init; }

    public int TableBits { get; init; }

    public CryptMethod Crypt { get; init; }

    public ulong TopOffset { get; init; }

    public int ClusterSize => 1 << ClusterBits;

    public int EntriesPerTable => 1 << TableBits;

    /// <summary>Bytes of the disk that one table is for.</summary>
    public long Covered => 1L << (ClusterBits + TableBits);

    public long TopEntries => TopEntriesFor((long)DiskSize);

    public long TopEnd => (long)TopOffset + TopEntries * sizeof(ulong);

    /// <summary>QEMU's clusters are small where most of the disk is expected to be the backing file's.</summary>
    public static QcowHeader New(long size, int nameLength) => new()
    {
        IsKnown = true,
        FileVersion = Version,
        NameOffset = nameLength > 0 ? Size : 0u,
        NameLength = (uint)nameLength,
        DiskSize = (ulong)size,
        ClusterBits = nameLength > 0 ? 9 : 12,
        TableBits = nameLength > 0 ? 12 : 9,
        TopOffset = (ulong)(Size + nameLength + 7) / 8 * 8,
    };

    public long TopEntriesFor(long size) => size / Covered + (size % Covered > 0 ? 1 : 0);

    public static QcowHeader Parse(ReadOnlySpan<byte> bytes) => new()
    {
        IsKnown = bytes.StartsWith(Magic),
        FileVersion = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]),
        NameOffset = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
        NameLength = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]),
        WrittenAt = BinaryPrimitives.ReadUInt32BigEndian(bytes[20..]),
        DiskSize = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]),
        ClusterBits = bytes[32],
        TableBits = bytes[33],
        Crypt = (CryptMethod)BinaryPrimitives.ReadUInt32BigEndian(bytes[36..]),
        TopOffset = BinaryPrimitives.ReadUInt64BigEndian(bytes[40..]),
    };

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), FileVersion);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), NameOffset);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(16), NameLength);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(20), WrittenAt);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(24), DiskSize);
        bytes[32] = (byte)ClusterBits;
        bytes[33] = (byte)TableBits;
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(36), (uint)Crypt);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(40), TopOffset);
        return bytes;
    }
}
