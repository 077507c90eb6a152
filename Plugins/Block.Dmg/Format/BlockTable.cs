// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Dmg.Format;

/// <summary>
/// What a partition, or a gap between two, consists of, big-endian:
/// <code>
///    0 "mish"    8 first sector    16 sectors    24 data offset    64 checksum    200 chunks
///  204 of each chunk: kind (4), comment (4), sector from the first on, sectors, offset from data fork + data offset, bytes
/// </code>
/// </summary>
internal sealed class BlockTable
{
    private const int HeaderSize = 204;
    private const int EntrySize = 40;

    /// <summary>A packed chunk is unpacked as a whole.</summary>
    private const long LargestChunk = 256 << 20;

    private BlockTable(Checksum checksum, IReadOnlyList<Chunk> chunks) => (Checksum, Chunks) = (checksum, chunks);

    public Checksum Checksum { get; }

    /// <summary>Those that stand for sectors, in the table's order, which is that of the checksum.</summary>
    public IReadOnlyList<Chunk> Chunks { get; }

    public static bool IsTable(ReadOnlySpan<byte> bytes) => bytes.Length >= HeaderSize && bytes.StartsWith("mish"u8);

    /// <param name="counted">Chunks of the tables before, for messages.</param>
    public static BlockTable Parse(ReadOnlySpan<byte> bytes, Trailer trailer, ref uint counted)
    {
        var first = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        var data = unchecked(trailer.DataOffset + BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]));
        // As many as are there, whatever the table says.
        var count = Math.Min(BinaryPrimitives.ReadUInt32BigEndian(bytes[200..]), (bytes.Length - HeaderSize) / EntrySize);
        var chunks = new List<Chunk>((int)count);
        for (var i = 0; i < count; i++)
        {
            var entry = bytes.Slice(HeaderSize + i * EntrySize, EntrySize);
            var kind = (ChunkKind)BinaryPrimitives.ReadUInt32BigEndian(entry);
            if (kind is not (ChunkKind.Comment or ChunkKind.End) && ParseChunk(kind, entry, first, data, counted) is { } chunk)
                chunks.Add(chunk);
            counted++;
        }

        return new(Checksum.Parse(bytes[64..]), chunks);
    }

    private static Chunk? ParseChunk(ChunkKind kind, ReadOnlySpan<byte> entry, ulong first, ulong data, uint number)
    {
        var sector = unchecked(first + BinaryPrimitives.ReadUInt64BigEndian(entry[8..]));
        var sectors = BinaryPrimitives.ReadUInt64BigEndian(entry[16..]);
        var place = unchecked(data + BinaryPrimitives.ReadUInt64BigEndian(entry[24..]));
        var bytes = BinaryPrimitives.ReadUInt64BigEndian(entry[32..]);
        if (sectors == 0)
            return null;
        const ulong MostSectors = long.MaxValue / Trailer.SectorSize;
        Require(sector <= MostSectors && sectors <= MostSectors - sector, $"chunk {number} is at no place of a disk");
        var length = (long)sectors * Trailer.SectorSize;
        if (kind is ChunkKind.Zero or ChunkKind.Ignore)
            return new(kind, (long)sector * Trailer.SectorSize, length, 0, 0);
        Require(place <= long.MaxValue && bytes <= long.MaxValue - place, $"chunk {number} is at no place of a file");
        var chunk = new Chunk(kind, (long)sector * Trailer.SectorSize, length, (long)place, (long)bytes);
        if (kind == ChunkKind.Raw)
        {
            Require(chunk.Packed >= length, $"chunk {number} has fewer bytes than sectors");
            return chunk;
        }

        if (!chunk.IsPacked)
            throw new BlockException(BlockErrorKind.NotSupported, $"chunk {number} is of the unknown kind 0x{(uint)kind:x8}");
        Require(
            length <= LargestChunk,
            $"sector count {sectors} for chunk {number} is larger than max ({LargestChunk / Trailer.SectorSize})");
        Require(chunk.Packed <= LargestChunk, $"length {bytes} for chunk {number} is larger than max ({LargestChunk})");
        return chunk;
    }

    private static void Require(bool holds, string problem)
    {
        if (!holds)
            throw new BlockException(BlockErrorKind.InvalidArgument, problem);
    }
}
