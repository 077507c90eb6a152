// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Cloop.Format;

/// <summary>How an index says where blocks are. No header says which form it has: it follows from its first numbers.</summary>
internal enum IndexForm
{
    /// <summary>Version 2.0: an offset for each block, 64 bits, big-endian, and one for the end.</summary>
    Offsets = 0,

    /// <summary>Version 4.0: the same, but the highest four bits say how the block is packed.</summary>
    FlaggedOffsets = 1,

    /// <summary>Version 1.0: as 2.0, in the order of the machine that made it (a PC).</summary>
    LittleEndianOffsets = 2,

    /// <summary>Version 0.68: as 2.0, with 32 bits.</summary>
    ShortOffsets = 3,

    /// <summary>"Accelerated Knoppix": offset (64 bits), size and place in the order of use (32 each).</summary>
    Pairs = 4,

    /// <summary>Version 3.0: sizes (32 bits); the blocks follow the header one by one.</summary>
    Sizes = 5,
}

/// <summary>How a block is packed: the highest four bits of an offset in version 4.0.</summary>
internal enum Packing
{
    Zlib = 0,
    None = 1,
    Xz = 2,
    Lz4 = 3,
    Lzo = 4,
}

/// <summary>Where a block is in the file.</summary>
internal readonly record struct PackedBlock(long Place, long Bytes, Packing Packing);
