// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Bochs.Format;

/// <summary>
/// The first bytes of an image of Bochs' mode "sparse", little-endian, as its bximage writes them:
/// <code>
///    0 0x02468ace    4 version    8 page's bytes    12 pages    16 disk's bytes (version 2)
/// </code>
/// At 256 begins the table, a number for each page; the pages begin at the next multiple of their size.
/// </summary>
internal sealed record SparseHeader
{
    public const int Size = 256;
    public const uint Magic = 0x02468ace;

    private const uint LargestPage = 64 << 20;
    private const uint MostPages = 1 << 24;

    public uint Version { get; private init; }

    public uint PageBytes { get; private init; }

    public uint Pages { get; private init; }

    public ulong RecordedSize { get; private init; }

    public long DiskSize => Version == 1 ? (long)Pages * PageBytes : (long)RecordedSize;

    public long PagesAt => (Size + Pages * (long)sizeof(uint) + PageBytes - 1) / PageBytes * PageBytes;

    public static bool IsSparse(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Magic;

    public static SparseHeader Parse(ReadOnlySpan<byte> bytes) => new()
    {
        Version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]),
        PageBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
        Pages = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
        RecordedSize = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
    };

    public void RequireReadable()
    {
        Require(Version is 1 or 2, $"Version {Version} of sparse Bochs images is not supported");
        Require(
            PageBytes is >= 512 and <= LargestPage && (PageBytes & (PageBytes - 1)) == 0,
            $"Page size {PageBytes} is no page size");
        Require(Pages <= MostPages, $"The image has too many pages ({Pages})");
        Require(Version == 1 || RecordedSize <= (ulong)Pages * PageBytes, "The image has too few pages for its disk");
        Require(DiskSize % 512 == 0, $"Disk size {DiskSize} is no multiple of 512");
    }

    private static void Require(bool holds, string problem)
    {
        if (!holds)
            throw new BlockException(BlockErrorKind.InvalidArgument, problem);
    }
}
