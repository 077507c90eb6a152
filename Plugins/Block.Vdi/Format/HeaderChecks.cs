// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Vdi.Format;

/// <summary>What of a header can be served. QEMU's order and words, where it has any.</summary>
internal static class HeaderChecks
{
    public const uint MostBlocks = 0x1fffff80;

    private const long MostBytes = 0x1fffff8000000;
    private const uint LargestBlock = 256 << 20;

    public static void RequireReadable(VdiHeader header)
    {
        if (header.DiskSize > MostBytes)
            throw TooLarge((long)header.DiskSize);
        if (header.SignatureField != 0xbeda107f)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"Image not in VDI format (bad signature {header.SignatureField:x8})");
        Require(header.Version == VdiHeader.Version11, $"version {header.Version >> 16}.{header.Version & 0xffff}");
        Require(header.MapOffset % VdiHeader.SectorSize == 0, $"unaligned block map offset 0x{header.MapOffset:x}");
        Require(header.DataOffset % VdiHeader.SectorSize == 0, $"unaligned data offset 0x{header.DataOffset:x}");
        Require(header.Sector == VdiHeader.SectorSize, $"sector size {header.Sector} is not {VdiHeader.SectorSize}");
        var isPossible = BitOperations.IsPow2(header.BlockSize) && header.BlockSize is >= 4096 and <= LargestBlock;
        Require(isPossible, $"block size {header.BlockSize} is not {VdiHeader.DefaultBlockSize}");
        var room = (ulong)header.Blocks * header.BlockSize;
        Require((ulong)header.Length <= room, $"disk size {header.Length}, image bitmap has room for {room}");
        Require(header.BlockExtra == 0, $"block extra size {header.BlockExtra} is not 0");
        Require(header.Blocks <= MostBlocks, $"too many blocks {header.Blocks}, max is {MostBlocks}");
    }

    /// <summary>
    /// The map and the blocks must not lie over each other or over the header: a write would destroy one of them.
    /// </summary>
    public static void RequireWritable(VdiHeader header)
    {
        var end = header.MapOffset + (long)header.Blocks * sizeof(uint);
        var isApart = header.MapOffset >= VdiHeader.Size && header.DataOffset >= VdiHeader.Size && end <= header.DataOffset;
        if (!isApart)
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                "The block map of the VDI image overlaps its header or its data: it can only be read");
    }

    /// <summary>
    /// VDI says that there is a parent, and not which file it is: without one from the user, there is nothing to read.
    /// </summary>
    public static void RequireNoParent(VdiHeader header)
    {
        Require(header.ParentId == Guid.Empty, "non-NULL link UUID");
        Require(header.ParentChangeId == Guid.Empty, "non-NULL parent UUID");
    }

    public static BlockException TooLarge(long size) => new(
        BlockErrorKind.NotSupported, $"Unsupported VDI image size (size is 0x{size:x}, max supported is 0x{MostBytes:x})");

    public static bool IsTooLarge(long size) => size > MostBytes;

    private static void Require(bool holds, string problem)
    {
        if (!holds)
            throw new BlockException(BlockErrorKind.NotSupported, $"unsupported VDI image ({problem})");
    }
}
