// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Qed.Format;

[Flags]
internal enum QedFeatures : ulong
{
    None = 0,
    Backing = 1,

    /// <summary>Whoever wrote last did not come to an end.</summary>
    NeedsCheck = 2,

    BackingIsRaw = 4,
    All = 7,
}

/// <summary>
/// The first bytes of an image, little-endian ("QED Image File Format", Header):
/// <code>
///    0 "QED\0"         8 clusters of a table      16 features    32 autoclear features    48 size
///    4 cluster size   12 clusters of the header   24 compatible  40 top table             56 backing file's name: offset, length
/// </code>
/// </summary>
internal sealed record QedHeader
{
    public const int Size = 64;
    public const int SectorSize = 512;
    public const uint SmallestCluster = 4096;
    public const uint LargestCluster = 64 << 20;
    public const uint LargestTable = 16;

    public static ReadOnlySpan<byte> Magic => "QED\0"u8;

    public bool IsKnown { get; private init; }

    public uint ClusterSize { get; init; }

    public uint TableClusters { get; init; }

    public uint HeaderClusters { get; init; }

    public QedFeatures Features { get; init; }

    public ulong CompatibleFeatures { get; init; }

    /// <summary>Who writes the image clears those that it does not know.</summary>
    public ulong AutoclearFeatures { get; init; }

    public ulong TopOffset { get; init; }

    public ulong DiskSize { get; init; }

    public uint NameOffset { get; init; }

    public uint NameLength { get; init; }

    public bool NeedsCheck => (Features & QedFeatures.NeedsCheck) != 0;

    public long TableSize => (long)TableClusters * ClusterSize;

    public int EntriesPerTable => (int)(TableSize / sizeof(ulong));

    /// <summary>What the header may use of the file.</summary>
    public long Reserved => (long)HeaderClusters * ClusterSize;

    public static QedHeader New(uint clusterSize, uint tableClusters, long size) => new()
    {
        IsKnown = true,
        ClusterSize = clusterSize,
        TableClusters = tableClusters,
        HeaderClusters = 1,
        TopOffset = clusterSize,
        DiskSize = (ulong)size,
    };

    /// <summary>As many bytes as two tables in a row can say where they are.</summary>
    public static UInt128 LargestDisk(uint clusterSize, uint tableClusters)
    {
        var entries = (UInt128)clusterSize * tableClusters / sizeof(ulong);
        return entries * entries * clusterSize;
    }

    public static QedHeader Parse(ReadOnlySpan<byte> bytes) => new()
    {
        IsKnown = bytes.StartsWith(Magic),
        ClusterSize = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]),
        TableClusters = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
        HeaderClusters = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
        Features = (QedFeatures)BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
        CompatibleFeatures = BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]),
        AutoclearFeatures = BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
        TopOffset = BinaryPrimitives.ReadUInt64LittleEndian(bytes[40..]),
        DiskSize = BinaryPrimitives.ReadUInt64LittleEndian(bytes[48..]),
        NameOffset = BinaryPrimitives.ReadUInt32LittleEndian(bytes[56..]),
        NameLength = BinaryPrimitives.ReadUInt32LittleEndian(bytes[60..]),
    };

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), ClusterSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), TableClusters);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), HeaderClusters);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), (ulong)Features);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(24), CompatibleFeatures);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(32), AutoclearFeatures);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(40), TopOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(48), DiskSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(56), NameOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(60), NameLength);
        return bytes;
    }
}
