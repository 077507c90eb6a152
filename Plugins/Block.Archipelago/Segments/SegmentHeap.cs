// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Archipelago.Segments;

/// <summary>
/// The segment's memory, which all peers take chunks from. Sizes are rounded up, the more the larger they are, and each
/// rounded size has a list of free chunks, whose first word leads to the next.
/// <code>
///   memory ─► [list of size 0, 1, 2, …] … | header | chunk | header | chunk | … used ─► nothing yet … size
/// </code>
/// </summary>
internal sealed class SegmentHeap
{
    /// <summary>Below 32 units sizes are whole units, below 1024 units multiples of 4, above of 128.</summary>
    private const int Small = 5;
    private const int Medium = 10;
    private const int MediumUnit = Small - 3;
    private const int LargeUnit = Medium - 3;

    private readonly SharedSegment _segment;
    private readonly TimeProvider _clock;
    private readonly long _heap;
    private readonly long _memory;
    private readonly int _unit;

    internal SegmentHeap(SharedSegment segment, TimeProvider clock)
    {
        (_segment, _clock) = (segment, clock);
        _heap = segment.Place(HeadLayout.Heap);
        _memory = segment.RelativePlace(_heap + HeapLayout.Memory);
        _unit = (int)segment.Get32(_heap + HeapLayout.AlignmentUnit);
        if (_unit is < 9 or > 20)
            throw SharedSegment.Damaged($"its heap has pages of 2^{_unit} bytes");
    }

    /// <summary>Takes a chunk. Returns its place and how large it really is.</summary>
    /// <exception cref="BlockException">No space: the segment is full.</exception>
    internal (long Place, long Size) Allocate(long bytes, CancellationToken cancellationToken)
    {
        var whole = WholeSize(bytes);
        var list = _memory + (ListOf(whole) * sizeof(ulong));
        using var held = PeerLock.Take(_segment, _heap + HeapLayout.Lock, _clock, cancellationToken);
        var used = _segment.Place(_heap + HeapLayout.Used);
        if (_segment.Place(list) is var free and not 0)
        {
            var chunk = _memory + free;
            var size = SizeOf(chunk);
            if (free > used || size < bytes)
                throw SharedSegment.Damaged($"its free chunk at {free} has {size} bytes");
            _segment.Set(list, _segment.Get(chunk));
            return (chunk, size);
        }

        if (used > _segment.Place(_heap + HeapLayout.Size) - whole)
            throw new BlockException(BlockErrorKind.NoSpace, "The shared memory segment is full", Errno.ENOMEM);
        var header = _memory + used;
        _segment.Set(header, HeapLayout.HeaderMagic);
        _segment.Set(header + HeapLayout.HeaderHeap, unchecked((ulong)(_heap - (header + HeapLayout.HeaderHeap))));
        _segment.Set(header + HeapLayout.HeaderChunkSize, (ulong)(whole - HeapLayout.HeaderSize));
        _segment.Set(_heap + HeapLayout.Used, (ulong)(used + whole));
        return (header + HeapLayout.HeaderSize, whole - HeapLayout.HeaderSize);
    }

    internal void Free(long chunk, CancellationToken cancellationToken)
    {
        var list = _memory + (ListOf(WholeSize(SizeOf(chunk))) * sizeof(ulong));
        using var held = PeerLock.Take(_segment, _heap + HeapLayout.Lock, _clock, cancellationToken);
        _segment.Set(chunk, _segment.Get(list));
        _segment.Set(list, (ulong)(chunk - _memory));
    }

    private long SizeOf(long chunk) => _segment.Place(chunk - HeapLayout.HeaderSize + HeapLayout.HeaderChunkSize);

    /// <summary>With its header, rounded up.</summary>
    private long WholeSize(long bytes)
    {
        var unit = bytes < 1L << (_unit + Small) ? _unit
            : bytes < 1L << (_unit + Medium) ? _unit + MediumUnit
            : _unit + LargeUnit;
        return (bytes + HeapLayout.HeaderSize + (1L << unit) - 1) >> unit << unit;
    }

    private long ListOf(long whole)
    {
        var bytes = whole - HeapLayout.HeaderSize;
        if (bytes < 1L << (_unit + Small))
            return bytes >> _unit;
        if (bytes < 1L << (_unit + Medium))
            return (1 << Small) - (1 << (Small - MediumUnit)) + (bytes >> (_unit + MediumUnit));
        return (1 << Small) + (1 << Medium) - (1 << (Small - MediumUnit)) - (1 << (Medium - (LargeUnit - MediumUnit)))
            + (bytes >> (_unit + LargeUnit));
    }
}
