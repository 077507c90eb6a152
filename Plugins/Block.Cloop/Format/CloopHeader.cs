// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Cloop.Format;

/// <summary>
/// The head of an image, big-endian, as cloop's own header files describe it. It stands first, or (from version 2.0 on) last:
/// <code>
///    0 "#!/bin/sh\n#V2.0 Format\n…"    128 block size    132 blocks
/// </code>
/// Its text is a shell script; only the version in it counts.
/// </summary>
internal sealed record CloopHeader
{
    public const int Size = 136;

    private const int VersionAt = 11;
    private const uint LargestBlock = 64 << 20;
    private const uint MostBlocks = uint.MaxValue / sizeof(ulong);
    private const long LargestIndex = 512 << 20;

    /// <summary>What images begin with that are guessed to be such.</summary>
    public static ReadOnlySpan<byte> Script =>
        "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n"u8;

    public string Version { get; private init; } = "";

    public uint BlockSize { get; private init; }

    public uint Blocks { get; init; }

    public long DiskSize => (long)Blocks * BlockSize;

    /// <summary>Blocks are counted behind the index, at the end of the file.</summary>
    public bool HasTail => Blocks == uint.MaxValue;

    public bool IsKnown => Version is "V2.0" or "V4.0";

    public static CloopHeader Parse(ReadOnlySpan<byte> bytes) => new()
    {
        Version = Encoding.Latin1.GetString(bytes.Slice(VersionAt, 4)),
        BlockSize = BinaryPrimitives.ReadUInt32BigEndian(bytes[128..]),
        Blocks = BinaryPrimitives.ReadUInt32BigEndian(bytes[132..]),
    };

    /// <summary>QEMU's order and words.</summary>
    public void RequireReadable()
    {
        Require(BlockSize != 0, "block_size cannot be zero");
        Require(BlockSize % 512 == 0, $"block_size {BlockSize} must be a multiple of 512");
        Require(BlockSize <= LargestBlock, $"block_size {BlockSize} must be {LargestBlock >> 20} MB or less");
        Require(Blocks <= MostBlocks, $"n_blocks {Blocks} must be {MostBlocks} or less");
        Require(
            (Blocks + 1L) * sizeof(ulong) <= LargestIndex, "image requires too many offsets, try increasing block size");
    }

    private static void Require(bool holds, string problem)
    {
        if (!holds)
            throw new BlockException(BlockErrorKind.InvalidArgument, problem);
    }
}
