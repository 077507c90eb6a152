// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Vhdx.Format;

/// <summary>A region of the file, such as the metadata.</summary>
internal readonly record struct Region(Guid Id, long Offset, uint Length, bool IsRequired)
{
    public long End => Offset + Length;
}

/// <summary>
/// Which regions there are ([MS-VHDX] 2.2.3). There are two copies:
/// <code>
///   0 "regi"    8 count    16 entries: id (16), offset (8), length (4), flags (4)
///   4 CRC-32C
/// </code>
/// Flag 1: who does not know the region must not open the image.
/// </summary>
internal sealed class RegionTable(byte[] bytes)
{
    public const int Size = 64 << 10;

    private const int EntriesAt = 16;
    private const int EntrySize = 32;
    private const int MostEntries = 2047;

    public static Guid TableId { get; } = new("2DC27766-F623-4200-9D64-115E9BFD4A08");

    public static Guid MetadataId { get; } = new("8B7CA206-4790-4B9A-B8FE-575F050F886E");

    public bool IsValid => bytes.AsSpan().StartsWith("regi"u8) && Count <= MostEntries && Checksum.IsRight(bytes);

    public IEnumerable<Region> Regions => Enumerable.Range(0, (int)Count).Select(Read);

    private uint Count => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8));

    public static RegionTable New(params ReadOnlySpan<Region> regions)
    {
        var bytes = new byte[Size];
        "regi"u8.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), regions.Length);
        for (var i = 0; i < regions.Length; i++)
            Write(bytes.AsSpan(EntriesAt + i * EntrySize), regions[i]);
        Checksum.Set(bytes);
        return new RegionTable(bytes);
    }

    public byte[] ToBytes() => [.. bytes];

    /// <summary>The same regions, one of them elsewhere.</summary>
    public RegionTable With(Region moved)
    {
        var copy = ToBytes();
        for (var i = 0; i < Count; i++)
        {
            if (Read(i).Id == moved.Id)
                Write(copy.AsSpan(EntriesAt + i * EntrySize), moved);
        }

        Checksum.Set(copy);
        return new RegionTable(copy);
    }

    private Region Read(int index)
    {
        var entry = bytes.AsSpan(EntriesAt + index * EntrySize, EntrySize);
        return new Region(
            new Guid(entry[..16]),
            BinaryPrimitives.ReadInt64LittleEndian(entry[16..]),
            BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]),
            (entry[28] & 1) != 0);
    }

    private static void Write(Span<byte> entry, Region region)
    {
        region.Id.TryWriteBytes(entry);
        BinaryPrimitives.WriteInt64LittleEndian(entry[16..], region.Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[24..], region.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[28..], region.IsRequired ? 1u : 0);
    }
}
