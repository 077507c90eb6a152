// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>
/// A range of bytes in memory: part of one buffer or of an <see cref="IoVector"/>. Slicing and enumerating do not
/// allocate. The memory belongs to the operation it is passed to until that operation completes.
/// </summary>
public readonly struct IoSlice
{
    private readonly IoVector? _vector;
    private readonly Memory<byte> _memory;
    private readonly long _start;

    public IoSlice(Memory<byte> memory)
    {
        _memory = memory;
        Length = memory.Length;
    }

    internal IoSlice(IoVector vector, long start, long length)
    {
        if (vector.Count == 1)
        {
            _memory = vector[0].Slice((int)start, (int)length);
        }
        else
        {
            _vector = vector;
            _start = start;
        }

        Length = length;
    }

    public static IoSlice Empty => default;

    /// <summary>Length in bytes.</summary>
    public long Length { get; }

    public bool IsEmpty => Length == 0;

    /// <summary>Segments that <see cref="GetEnumerator"/> yields.</summary>
    public int SegmentCount
    {
        get
        {
            if (_vector is null)
                return Length == 0 ? 0 : 1;
            var count = 0;
            foreach (var _ in this)
                count++;
            return count;
        }
    }

    public static implicit operator IoSlice(Memory<byte> memory) => new(memory);

    public static implicit operator IoSlice(byte[] array) => new(array);

    /// <summary>The slice as one contiguous buffer, where it is one.</summary>
    public bool TryGetMemory(out Memory<byte> memory)
    {
        if (_vector is null)
        {
            memory = _memory;
            return true;
        }

        var e = GetEnumerator();
        if (!e.MoveNext())
        {
            memory = default;
            return true;
        }

        memory = e.Current;
        return memory.Length == Length;
    }

    public IoSlice Slice(long start) => Slice(start, Length - start);

    /// <exception cref="ArgumentOutOfRangeException">The range is not inside this slice.</exception>
    public IoSlice Slice(long start, long length)
    {
        if ((ulong)start > (ulong)Length || (ulong)length > (ulong)(Length - start))
            throw new ArgumentOutOfRangeException(nameof(start), $"Slice {start}+{length} is outside of {Length} bytes");
        return _vector is null
            ? new IoSlice(_memory.Slice((int)start, (int)length))
            : new IoSlice(_vector, _start + start, length);
    }

    public void CopyTo(Span<byte> destination)
    {
        foreach (var segment in this)
        {
            segment.Span.CopyTo(destination);
            destination = destination[segment.Length..];
        }
    }

    /// <summary>Copies <paramref name="source"/> to the start of the slice.</summary>
    public void CopyFrom(ReadOnlySpan<byte> source)
    {
        if (source.Length > Length)
            throw new ArgumentException($"{source.Length} bytes do not fit into {Length}", nameof(source));
        foreach (var segment in this)
        {
            if (source.IsEmpty)
                return;
            var n = Math.Min(segment.Length, source.Length);
            source[..n].CopyTo(segment.Span);
            source = source[n..];
        }
    }

    public void Fill(byte value)
    {
        foreach (var segment in this)
            segment.Span.Fill(value);
    }

    public void Clear() => Fill(0);

    /// <summary>True when every byte is zero.</summary>
    public bool IsZero()
    {
        foreach (var segment in this)
        {
            if (segment.Span.ContainsAnyExcept((byte)0))
                return false;
        }

        return true;
    }

    public Enumerator GetEnumerator() => new(this);

    /// <summary>Yields the slice's segments in order, cut to the slice.</summary>
    public struct Enumerator
    {
        private readonly IoSlice _slice;
        private long _skip;
        private long _left;
        private int _next;

        internal Enumerator(IoSlice slice)
        {
            _slice = slice;
            _skip = slice._start;
            _left = slice.Length;
        }

        public Memory<byte> Current { get; private set; }

        public bool MoveNext()
        {
            if (_left == 0)
                return false;
            if (_slice._vector is not { } vector)
            {
                Current = _slice._memory;
                _left = 0;
                return true;
            }

            var segment = vector[_next++];
            while (_skip >= segment.Length)
            {
                _skip -= segment.Length;
                segment = vector[_next++];
            }

            Current = segment.Slice((int)_skip, (int)Math.Min(segment.Length - _skip, _left));
            _skip = 0;
            _left -= Current.Length;
            return true;
        }
    }
}
