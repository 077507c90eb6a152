// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>
/// An ordered list of memory segments that one request reads into or writes from. Not thread safe while it is
/// being built; meant to be cleared and reused, one a queue slot.
/// </summary>
public sealed class IoVector
{
    private Memory<byte>[] _segments;

    public IoVector(int capacity = 4) => _segments = new Memory<byte>[capacity];

    public int Count { get; private set; }

    /// <summary>Sum of the segments' lengths in bytes.</summary>
    public long Length { get; private set; }

    public Memory<byte> this[int index] =>
        index < Count ? _segments[index] : throw new ArgumentOutOfRangeException(nameof(index));

    /// <summary>All of the vector as a slice.</summary>
    public IoSlice All => new(this, 0, Length);

    public static implicit operator IoSlice(IoVector vector) => vector.All;

    /// <summary>Appends a segment; an empty one is left out.</summary>
    public void Add(Memory<byte> segment)
    {
        if (segment.IsEmpty)
            return;
        if (Count == _segments.Length)
            Array.Resize(ref _segments, Math.Max(4, Count * 2));
        _segments[Count++] = segment;
        Length += segment.Length;
    }

    /// <summary>Appends every segment of <paramref name="slice"/>.</summary>
    public void Add(IoSlice slice)
    {
        foreach (var segment in slice)
            Add(segment);
    }

    /// <summary>Forgets the segments and keeps the room for them.</summary>
    public void Clear()
    {
        Array.Clear(_segments, 0, Count);
        Count = 0;
        Length = 0;
    }
}
