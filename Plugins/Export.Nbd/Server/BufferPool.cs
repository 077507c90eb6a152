// SPDX-License-Identifier: MIT
using System.Numerics;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// Buffers of one event loop, by powers of two. Buffers that were just used come first, so they are still in the
/// CPU's cache; what is kept is bounded, the rest is left to the collector.
/// </summary>
internal sealed class BufferPool
{
    /// <summary>Where requests are received and small replies are gathered.</summary>
    public const int ChunkSize = 256 << 10;

    /// <summary>Added to each size: a payload of a power of two fits with its header in front.</summary>
    private const int Slack = 8 << 10;

    private const int KeptBytes = 64 << 20;

    private readonly Stack<PinnedBuffer>[] _free = new Stack<PinnedBuffer>[32];
    private long _freeBytes;

    /// <summary>A buffer of at least <paramref name="length"/> bytes, held once.</summary>
    public PinnedBuffer Rent(int length)
    {
        var capacity = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(length - Slack, ChunkSize)) + Slack;
        if (!Free(capacity).TryPop(out var buffer))
            return new PinnedBuffer(this, capacity).Retain();
        _freeBytes -= capacity;
        return buffer.Retain();
    }

    public void Return(PinnedBuffer buffer)
    {
        if (_freeBytes + buffer.Capacity > KeptBytes)
            return;
        _freeBytes += buffer.Capacity;
        Free(buffer.Capacity).Push(buffer);
    }

    private Stack<PinnedBuffer> Free(int capacity) => _free[BitOperations.Log2((uint)(capacity - Slack))] ??= new();
}
