// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Dmg.Format;

/// <summary>What a chunk of a block table is.</summary>
internal enum ChunkKind : uint
{
    Zero = 0,
    Raw = 1,

    /// <summary>Zeroes that nobody has to keep; the table's checksum leaves them out.</summary>
    Ignore = 2,

    Comment = 0x7ffffffe,
    Adc = 0x80000004,
    Zlib = 0x80000005,
    Bzip2 = 0x80000006,
    Lzfse = 0x80000007,
    Xz = 0x80000008,
    End = 0xffffffff,
}

/// <summary>Neighbouring sectors of the disk that are stored alike.</summary>
/// <param name="Offset">Of the disk, in bytes.</param>
/// <param name="Place">In the file.</param>
/// <param name="Packed">Bytes there.</param>
internal readonly record struct Chunk(ChunkKind Kind, long Offset, long Length, long Place, long Packed)
{
    public long End => Offset + Length;

    public bool IsPacked => Kind is >= ChunkKind.Adc and <= ChunkKind.Xz;
}
