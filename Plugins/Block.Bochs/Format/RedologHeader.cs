// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Bochs.Format;

/// <summary>
/// The first bytes of a redolog, little-endian, as Bochs' user manual ("Disk image modes") and the images of its bximage show it:
/// <code>
///    0 "Bochs Virtual HD Image"    64 version             72 catalog's entries    version 2:  84 time of the disk below
///   32 "Redolog"                   68 header's bytes      76 bitmap's bytes                   88 disk's bytes
///   48 "Growing", "Undoable"…                             80 extent's bytes       version 1:  84 disk's bytes
/// </code>
/// An entry of the catalog, which follows the header, is an extent's number in the file. An extent is a bitmap, of whole
/// sectors, and the data; bit 0 of byte 0 is for its first sector.
/// </summary>
internal sealed record RedologHeader
{
    public const int Size = 512;
    public const int SectorSize = 512;

    private const uint Version1 = 0x10000;
    private const uint Version2 = 0x20000;
    private const int LargestCatalog = 1 << 20;
    private const int LargestExtent = 8 << 20;

    public bool IsRedolog { get; private init; }

    public string Kind { get; private init; } = "";

    public uint Version { get; private init; }

    public uint HeaderBytes { get; private init; }

    public uint CatalogEntries { get; private init; }

    public uint BitmapBytes { get; private init; }

    public uint ExtentBytes { get; private init; }

    public ulong RecordedSize { get; private init; }

    /// <summary>Whole sectors are served.</summary>
    public long DiskSize => (long)(RecordedSize / SectorSize * SectorSize);

    public bool IsKnownVersion => Version is Version1 or Version2;

    /// <summary>An image of its own; the other kinds hold what differs from the disk below them.</summary>
    public bool IsGrowing => Kind == "Growing";

    /// <summary>Where the catalog is.</summary>
    public long CatalogAt => HeaderBytes;

    /// <summary>Bytes before an extent's data. QEMU counts in 32 bits, so that no bitmap at all is the largest one.</summary>
    public long BitmapRoom => (1L + unchecked(BitmapBytes - 1) / SectorSize) * SectorSize;

    public static RedologHeader Parse(ReadOnlySpan<byte> bytes)
    {
        var version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[64..]);
        return new()
        {
            IsRedolog = TextAt(bytes[..32]) == "Bochs Virtual HD Image" && TextAt(bytes[32..48]) == "Redolog",
            Kind = TextAt(bytes[48..64]),
            Version = version,
            HeaderBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[68..]),
            CatalogEntries = BinaryPrimitives.ReadUInt32LittleEndian(bytes[72..]),
            BitmapBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[76..]),
            ExtentBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[80..]),
            RecordedSize = BinaryPrimitives.ReadUInt64LittleEndian(bytes[(version == Version1 ? 84 : 88)..]),
        };
    }

    /// <summary>QEMU's order and words.</summary>
    public void RequireReadable()
    {
        Require(
            IsRedolog && IsKnownVersion && Kind is "Growing" or "Undoable" or "Volatile",
            "Image not in Bochs format");
        Require(CatalogEntries <= LargestCatalog, "Catalog size is too large");
        Require(ExtentBytes >= SectorSize, $"Extent size must be at least {SectorSize}");
        Require((ExtentBytes & (ExtentBytes - 1)) == 0, $"Extent size {ExtentBytes} is not a power of two");
        Require(ExtentBytes <= LargestExtent, $"Extent size {ExtentBytes} is too large");
        var covered = (ulong)CatalogEntries * ExtentBytes / SectorSize;
        Require(RecordedSize / SectorSize <= covered, "Catalog size is too small for this disk size");
    }

    /// <summary>Where an extent's bitmap begins, by its number in the file.</summary>
    public long PlaceOf(uint number) => CatalogAt + (long)CatalogEntries * sizeof(uint) + number * (BitmapRoom + ExtentBytes);

    private static void Require(bool holds, string problem)
    {
        if (!holds)
            throw new BlockException(BlockErrorKind.InvalidArgument, problem);
    }

    private static string TextAt(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)0);
        return Encoding.Latin1.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
