// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Conformance.Execution;

/// <summary>
/// A request's buffer cut into segments with guard bytes before, between and after them. With several segments the
/// vector is longer than the slice that is passed on, so that a driver that forgets the slice's bounds is seen.
/// <code>
///   memory   [guard][segment 0][guard][segment 1] … [guard]
///   vector   [guard, segment 0, segment 1, …, guard]     slice = vector without its two ends
/// </code>
/// </summary>
internal sealed class GuardedBuffer
{
    private const byte Canary = 0xC5;

    private readonly Memory<byte> _memory;
    private readonly List<Memory<byte>> _segments = [];
    private readonly List<Memory<byte>> _guards = [];

    public GuardedBuffer(long bytes, int segments = 1, int memoryAlignment = 1)
    {
        var unit = Math.Max(memoryAlignment, 64);
        _memory = Allocate(bytes + (segments + 2) * 2L * unit, memoryAlignment);
        _memory.Span.Fill(Canary);
        Cut(bytes, Math.Max(1, segments), unit, memoryAlignment);
        Slice = segments > 1 ? MakeVectorSlice(bytes) : new IoSlice(_segments[0]);
    }

    public GuardedBuffer(ReadOnlySpan<byte> data, int segments = 1, int memoryAlignment = 1)
        : this(data.Length, segments, memoryAlignment) => Slice.CopyFrom(data);

    public IoSlice Slice { get; }

    public byte[] Content()
    {
        var data = new byte[Slice.Length];
        Slice.CopyTo(data);
        return data;
    }

    public bool GuardsIntact => _guards.TrueForAll(g => !g.Span.ContainsAnyExcept(Canary));

    private static Memory<byte> Allocate(long bytes, int alignment)
    {
        var array = GC.AllocateUninitializedArray<byte>((int)bytes + alignment, pinned: true);
        var start = (int)(-(long)Marshal.UnsafeAddrOfPinnedArrayElement(array, 0) & (alignment - 1));
        return MemoryMarshal.CreateFromPinnedArray(array, start, (int)bytes);
    }

    private void Cut(long bytes, int segments, int unit, int alignment)
    {
        var at = unit;
        _guards.Add(_memory[..unit]);
        for (var i = 0; i < segments && bytes > 0; i++)
        {
            var share = i == segments - 1 ? bytes : Math.Min(bytes, RoundUp(bytes / (segments - i) | 1, alignment));
            _segments.Add(_memory.Slice(at, (int)share));
            bytes -= share;
            var end = at + (int)share;
            at = (int)RoundUp(end, alignment) + unit;
            _guards.Add(_memory[end..at]);
        }

        if (_segments.Count == 0)
            _segments.Add(Memory<byte>.Empty);
    }

    private IoSlice MakeVectorSlice(long bytes)
    {
        var vector = new IoVector();
        vector.Add(_guards[0]);
        foreach (var segment in _segments)
            vector.Add(segment);
        vector.Add(_guards[^1]);
        return vector.All.Slice(_guards[0].Length, bytes);
    }

    private static long RoundUp(long value, int unit) => (value + unit - 1) / unit * unit;
}
