// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Archipelago.Segments;

/// <summary>
/// Memory that all peers of a segment share. Every place that is looked at was read from memory that others write, so that
/// each is checked to lie inside; what is read is read once.
/// </summary>
internal sealed unsafe class SharedSegment : IDisposable
{
    private const int HeadSize = 4096;
    private const long MaxSize = 1L << 40;

    private readonly MemoryMapping _memory;

    private SharedSegment(MemoryMapping memory) => _memory = memory;

    internal long Length => (long)_memory.Length;

    /// <exception cref="BlockException">There is no such segment, or it is none of this version.</exception>
    internal static SharedSegment Open(string path)
    {
        using var file = FileDescriptor.Open(path, OpenFlags.ReadWrite);
        var size = file.Status().Size;
        if (size is < HeadSize or > MaxSize)
            throw Damaged($"it has {size} bytes");
        var segment = new SharedSegment(MemoryMapping.Of(file.Value, 0, (nuint)size, writable: true));
        try
        {
            if (segment.Get(HeadLayout.Version) is var version && version != HeadLayout.KnownVersion)
                throw new BlockException(BlockErrorKind.NotSupported, $"Segment of version 0x{version:x}, which is unknown");
            if (segment.Get(HeadLayout.Size) is var claimed && claimed > (ulong)size)
                throw Damaged($"it says that it has {claimed} bytes, and has {size}");
            return segment;
        }
        catch
        {
            segment.Dispose();
            throw;
        }
    }

    internal ulong Get(long place) => Volatile.Read(ref At(place));

    internal void Set(long place, ulong value) => Volatile.Write(ref At(place), value);

    internal uint Get32(long place) => Volatile.Read(ref At32(place));

    internal void Set32(long place, uint value) => Volatile.Write(ref At32(place), value);

    /// <summary>A place that is stored at <paramref name="place"/>, relative to the segment's start.</summary>
    internal long Place(long place) => (long)Math.Min(Get(place), (ulong)long.MaxValue);

    /// <summary>A place that is stored at <paramref name="place"/>, relative to that.</summary>
    internal long RelativePlace(long place) => unchecked(place + (long)Get(place));

    internal ref ulong At(long place)
    {
        Check(place, sizeof(ulong));
        return ref *(ulong*)(_memory.Start + place);
    }

    internal Span<byte> Bytes(long place, int length)
    {
        Check(place, length, alignment: 1);
        return new(_memory.Start + place, length);
    }

    internal static BlockException Damaged(string what) =>
        new(BlockErrorKind.Io, $"The shared memory segment is damaged: {what}");

    public void Dispose() => _memory.Dispose();

    private ref uint At32(long place)
    {
        Check(place, sizeof(uint), alignment: sizeof(uint));
        return ref *(uint*)(_memory.Start + place);
    }

    private void Check(long place, int length, int alignment = sizeof(ulong))
    {
        if (place < 0 || length < 0 || place > Length - length || place % alignment != 0)
            throw Damaged($"something is said to lie at {place}");
    }
}
