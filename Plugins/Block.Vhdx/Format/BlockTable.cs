// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vhdx.Format;

/// <summary>What a block's entry says of it ([MS-VHDX] 2.5.1.1); blocks of bitmaps are "not present" or "present".</summary>
internal enum BlockEntryState
{
    NotPresent = 0,
    Undefined = 1,
    Zero = 2,
    Unmapped = 3,

    /// <summary>"Unmapped" in version 0.95.</summary>
    UnmappedOld = 5,
    Present = 6,

    /// <summary>The bitmap says of which sectors; the others are the parent's.</summary>
    PartlyPresent = 7,
}

/// <summary>
/// The table of blocks, BAT ([MS-VHDX] 2.5): 64 bits for each block, and after those of a chunk 64 bits for the bitmap of its
/// sectors, which has 1 MiB and so 2^23 bits, the lowest of a byte first. Images that have no parent need no last bitmap.
/// <code>
///   block 0 │ block 1 │ … │ bitmap 0 │ block n │ … │ bitmap 1 │ …
///   entry: offset in MiB (bits 20-63) │ 0 │ state (bits 0-2)
/// </code>
/// </summary>
internal sealed record BlockTable(long Offset, long BlockSize, int SectorSize, long Length, bool HasBitmaps)
{
    public const int EntrySize = sizeof(ulong);

    private const ulong StateMask = 7;
    private const int SectorsPerBitmap = 1 << 23;

    /// <summary>Blocks of a chunk: a power of two.</summary>
    public long ChunkRatio => SectorsPerBitmap * (long)SectorSize / BlockSize;

    public long Blocks => (Length + BlockSize - 1) / BlockSize;

    public long Entries => HasBitmaps
        ? (Blocks + ChunkRatio - 1) / ChunkRatio * (ChunkRatio + 1)
        : Blocks + (Blocks - 1) / ChunkRatio;

    public static BlockEntryState StateOf(ulong entry) => (BlockEntryState)(entry & StateMask);

    /// <summary>Negative where it is beyond all files.</summary>
    public static long OffsetOf(ulong entry) => (long)(entry & ~(ulong)(FileLayout.MiB - 1));

    public static ulong EntryOf(BlockEntryState state, long offset = 0) => (ulong)offset | (ulong)state;

    public long IndexOf(long block) => block + block / ChunkRatio;

    public long IndexOfBitmap(long block) => (block / ChunkRatio + 1) * (ChunkRatio + 1) - 1;

    public bool IsBitmap(long index) => index % (ChunkRatio + 1) == ChunkRatio;

    public long BlockAt(long index) => index - index / (ChunkRatio + 1);
}
