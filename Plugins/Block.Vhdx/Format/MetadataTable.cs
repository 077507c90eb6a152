// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Vhdx.Format;

/// <summary>An item of metadata; its offset counts from the beginning of the region.</summary>
internal readonly record struct MetadataItem(Guid Id, uint Offset, uint Length, bool IsRequired);

/// <summary>
/// The beginning of the metadata region ([MS-VHDX] 2.6.1); the items lie behind it:
/// <code>
///   0 "metadata"    10 count (2)    32 entries: id (16), offset (4), length (4), flags (4), 0 (4)        64K items
/// </code>
/// Flags: 1 a user's, 2 of the disk rather than the file, 4 who does not know the item must not open the image.
/// </summary>
internal sealed class MetadataTable(byte[] bytes)
{
    public const int Size = 64 << 10;

    /// <summary>Blocks keep their places whatever is discarded; the disk has a parent: flags of the file's parameters.</summary>
    public const uint KeepsBlocks = 1;
    public const uint HasParent = 2;

    private const int EntriesAt = 32;
    private const int EntrySize = 32;
    private const int MostEntries = 2047;
    private const uint OfDisk = 2;
    private const uint Required = 4;

    public static Guid FileParametersId { get; } = new("CAA16737-FA36-4D43-B3B6-33F0AA44E76B");

    public static Guid DiskSizeId { get; } = new("2FA54224-CD1B-4876-B211-5DBED83BF4B8");

    public static Guid DiskId { get; } = new("BECA12AB-B2E6-4523-93EF-C309E000C746");

    public static Guid LogicalSectorId { get; } = new("8141BF1D-A96F-4709-BA47-F233A8FAAB5F");

    public static Guid PhysicalSectorId { get; } = new("CDA348C7-445D-4471-9CC9-E9885251C556");

    public static Guid ParentLocatorId { get; } = new("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C");

    public bool IsValid => bytes.AsSpan().StartsWith("metadata"u8) && Count <= MostEntries;

    public IEnumerable<MetadataItem> Items => Enumerable.Range(0, Count).Select(Read);

    private ushort Count => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(10));

    /// <summary>The table and the items of a new disk.</summary>
    /// <param name="parent">A differencing image's locator.</param>
    public static byte[] New(uint blockSize, bool keepsBlocks, long diskSize, uint sectorSize, byte[]? parent)
    {
        const int ItemsSize = 40;
        var bytes = new byte[Size + Math.Max(4096, ItemsSize + (parent?.Length ?? 0))];
        "metadata"u8.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(10), (ushort)(parent is null ? 5 : 6));
        BinaryPrimitives.WriteUInt32LittleEndian(Item(0, FileParametersId, 0, 8, Required), blockSize);
        BinaryPrimitives.WriteUInt32LittleEndian(
            bytes.AsSpan(Size + 4), (keepsBlocks ? KeepsBlocks : 0) | (parent is null ? 0 : HasParent));
        BinaryPrimitives.WriteInt64LittleEndian(Item(1, DiskSizeId, 8, 8, OfDisk | Required), diskSize);
        Guid.NewGuid().TryWriteBytes(Item(2, DiskId, 16, 16, OfDisk | Required));
        BinaryPrimitives.WriteUInt32LittleEndian(Item(3, LogicalSectorId, 32, 4, OfDisk | Required), sectorSize);
        BinaryPrimitives.WriteUInt32LittleEndian(Item(4, PhysicalSectorId, 36, 4, OfDisk | Required), sectorSize);
        parent?.CopyTo(Item(5, ParentLocatorId, ItemsSize, parent.Length, Required));
        return bytes;

        Span<byte> Item(int index, Guid id, int offset, int length, uint flags)
        {
            var entry = bytes.AsSpan(EntriesAt + index * EntrySize);
            id.TryWriteBytes(entry);
            BinaryPrimitives.WriteInt32LittleEndian(entry[16..], Size + offset);
            BinaryPrimitives.WriteInt32LittleEndian(entry[20..], length);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[24..], flags);
            return bytes.AsSpan(Size + offset, length);
        }
    }

    private MetadataItem Read(int index)
    {
        var entry = bytes.AsSpan(EntriesAt + index * EntrySize, EntrySize);
        return new MetadataItem(
            new Guid(entry[..16]),
            BinaryPrimitives.ReadUInt32LittleEndian(entry[16..]),
            BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]),
            (BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]) & Required) != 0);
    }
}
