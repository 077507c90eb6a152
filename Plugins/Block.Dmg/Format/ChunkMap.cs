// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Dmg.Format;

/// <summary>All chunks of an image in the disk's order. What lies between them is in no partition, and is zeroes.</summary>
internal sealed class ChunkMap
{
    private readonly Chunk[] _chunks;
    private readonly int[] _packed;

    public ChunkMap(IEnumerable<BlockTable> tables, long recordedLength)
    {
        _chunks = [.. tables.SelectMany(table => table.Chunks).OrderBy(chunk => chunk.Offset)];
        for (var i = 1; i < _chunks.Length; i++)
        {
            if (_chunks[i].Offset < _chunks[i - 1].End)
                throw new BlockException(
                    BlockErrorKind.InvalidArgument,
                    $"Two chunks of the image begin and end in each other at {_chunks[i].Offset}");
        }

        _packed = [.. Enumerable.Range(0, _chunks.Length).Where(i => _chunks[i].IsPacked)];
        Length = Math.Max(recordedLength, _chunks.Length > 0 ? _chunks[^1].End : 0);
    }

    /// <summary>Bytes of the disk: as the trailer says, and at least what there are chunks for.</summary>
    public long Length { get; }

    public bool HasPacked => _packed.Length > 0;

    /// <summary>The chunk that holds a byte of the disk; null: none, up to <paramref name="end"/>.</summary>
    public Chunk? Find(long offset, out long end)
    {
        var next = FirstAfter(offset);
        end = next < _chunks.Length ? _chunks[next].Offset : Length;
        if (next == 0 || _chunks[next - 1].End <= offset)
            return null;
        end = _chunks[next - 1].End;
        return _chunks[next - 1];
    }

    /// <summary>Packed chunks are numbered by themselves, so that who reads ahead passes over the others.</summary>
    public long NumberAt(long offset) => Array.BinarySearch(_packed, FirstAfter(offset) - 1);

    /// <summary>Null: there are not so many.</summary>
    public Chunk? Packed(long number) => number < _packed.Length ? _chunks[_packed[number]] : null;

    private int FirstAfter(long offset)
    {
        var (low, high) = (0, _chunks.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_chunks[middle].Offset <= offset)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
