// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Dmg.Format;

/// <summary>
/// The last 512 bytes of a UDIF image, big-endian. Apple has published no text; libyal's "Apple disk image format" has it:
/// <code>
///    0 "koly"    24 data fork: offset, bytes        56 segment, segments     216 plist: offset, bytes    492 sectors
///    4 version   40 resource fork: offset, bytes    80 data fork's checksum  352 master checksum
/// </code>
/// A checksum is its kind (2: CRC-32), its bits, and room for 128 bytes.
/// </summary>
internal sealed record Trailer
{
    public const int Size = 512;
    public const int SectorSize = 512;

    /// <summary>The length of a file is told in whole sectors: the trailer may begin so much before its place.</summary>
    public const int SearchSize = Size + SectorSize - 1;

    public static ReadOnlySpan<byte> Magic => "koly"u8;

    public ulong DataOffset { get; private init; }

    public ulong DataLength { get; private init; }

    public ulong ResourceOffset { get; private init; }

    public ulong ResourceLength { get; private init; }

    public uint Segments { get; private init; }

    public Checksum DataChecksum { get; private init; }

    public ulong PlistOffset { get; private init; }

    public ulong PlistLength { get; private init; }

    public Checksum MasterChecksum { get; private init; }

    public ulong Sectors { get; private init; }

    public static Trailer Parse(ReadOnlySpan<byte> bytes) => new()
    {
        DataOffset = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]),
        DataLength = BinaryPrimitives.ReadUInt64BigEndian(bytes[32..]),
        ResourceOffset = BinaryPrimitives.ReadUInt64BigEndian(bytes[40..]),
        ResourceLength = BinaryPrimitives.ReadUInt64BigEndian(bytes[48..]),
        Segments = BinaryPrimitives.ReadUInt32BigEndian(bytes[60..]),
        DataChecksum = Checksum.Parse(bytes[80..]),
        PlistOffset = BinaryPrimitives.ReadUInt64BigEndian(bytes[216..]),
        PlistLength = BinaryPrimitives.ReadUInt64BigEndian(bytes[224..]),
        MasterChecksum = Checksum.Parse(bytes[352..]),
        Sectors = BinaryPrimitives.ReadUInt64BigEndian(bytes[492..]),
    };

    /// <param name="at">Where the trailer begins: all that it names lies before it.</param>
    public void RequireReadable(long at)
    {
        if (Segments > 1)
            throw new BlockException(
                BlockErrorKind.NotSupported, $"The image is in {Segments} segments, which are not supported");
        Require(Sectors <= long.MaxValue / SectorSize, $"The image has too many sectors ({Sectors})");
        Require(DataOffset <= (ulong)at && DataLength <= (ulong)at - DataOffset, "The data fork is not in the file");
        Require(
            ResourceOffset <= (ulong)at && ResourceLength <= (ulong)at - ResourceOffset, "The resource fork is not in the file");
        Require(PlistOffset <= (ulong)at && PlistLength <= (ulong)at - PlistOffset, "The property list is not in the file");
        Require(ResourceLength > 0 || PlistLength > 0, "The image has neither a resource fork nor a property list");
    }

    private static void Require(bool holds, string problem)
    {
        if (!holds)
            throw new BlockException(BlockErrorKind.InvalidArgument, problem);
    }
}

/// <summary>A checksum as the image records it.</summary>
internal readonly record struct Checksum(uint Kind, uint Value)
{
    private const uint Crc32 = 2;

    public bool IsCrc => Kind == Crc32;

    public static Checksum Parse(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt32BigEndian(bytes), BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]));
}
