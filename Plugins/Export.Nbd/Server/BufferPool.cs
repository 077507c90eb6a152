// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// Buffers of one event loop, by powers of two. Buffers that were just used come first, so they are still in the
/// CPU's cache. What is kept for reuse is bounded, and goes back to the system when nothing has needed it for a while.
/// Every buffer counts in the process's budget, in use or kept.
/// </summary>
internal sealed class BufferPool(MemoryBudget memory, IdleTrim idle) : IDisposable
{
    /// <summary>Where requests are received and small replies are gathered.</summary>
    public const int ChunkSize = 256 << 10;

    /// <summary>Added to each size: a payload of a power of two fits with its header in front.</summary>
    private const int Slack = 8 << 10;

    private const int KeptBytes = 64 << 20;

    /// <summary>Chunks that stay: too few to matter, and a client that comes now and then finds them.</summary>
    private const int ChunksAlwaysKept = 8;

    private static readonly int ChunkClass = BitOperations.Log2(ChunkSize);

    private readonly SizeClass[] _classes = [.. Enumerable.Range(0, 32 - ChunkClass).Select(_ => new SizeClass())];
    private bool _disposed;

    /// <summary>Bytes kept for reuse.</summary>
    public long FreeBytes { get; private set; }

    /// <summary>The process holds as much as it may: see <see cref="MemoryBudget.IsShort"/>.</summary>
    public bool IsShort => memory.IsShort;

    private bool HasExcess => FreeBytes > ChunksAlwaysKept * (ChunkSize + Slack);

    /// <summary>A buffer of <see cref="ChunkSize"/>, held once. Small, so that there always is one.</summary>
    public PinnedBuffer RentChunk()
    {
        if (TryReuse(ChunkSize + Slack, out var buffer))
            return buffer;
        memory.Take(ChunkSize + Slack);
        return New(ChunkSize + Slack);
    }

    /// <summary>
    /// A buffer of at least <paramref name="length"/> bytes, held once; false where the budget has no room for it.
    /// </summary>
    public bool TryRent(int length, [NotNullWhen(true)] out PinnedBuffer? buffer)
    {
        var capacity = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(length - Slack, ChunkSize)) + Slack;
        if (TryReuse(capacity, out buffer))
            return true;
        if (!memory.TryTake(capacity))
        {
            // What other sizes keep may make room.
            Trim(all: true);
            if (!memory.TryTake(capacity))
                return false;
        }

        buffer = New(capacity);
        return true;
    }

    public void Return(PinnedBuffer buffer)
    {
        if (_disposed || memory.IsShort || FreeBytes + buffer.Capacity > Math.Min(KeptBytes, memory.Limit / 4))
        {
            Drop(buffer);
            return;
        }

        FreeBytes += buffer.Capacity;
        ClassOf(buffer.Capacity).Free.Push(buffer);
        if (HasExcess)
            idle.Begin();
    }

    /// <summary>Gives back what was not needed since the last call. False: nothing is left that could be.</summary>
    public bool TrimUnused()
    {
        Trim(all: false);
        return HasExcess;
    }

    public void Dispose()
    {
        _disposed = true;
        idle.Dispose();
        Trim(all: true);
    }

    private bool TryReuse(int capacity, [NotNullWhen(true)] out PinnedBuffer? buffer)
    {
        var sizeClass = ClassOf(capacity);
        if (!sizeClass.Free.TryPop(out buffer))
            return false;
        sizeClass.LeastFree = Math.Min(sizeClass.LeastFree, sizeClass.Free.Count);
        FreeBytes -= capacity;
        buffer.Retain();
        return true;
    }

    private PinnedBuffer New(int capacity)
    {
        try
        {
            return new PinnedBuffer(this, capacity).Retain();
        }
        catch (OutOfMemoryException)
        {
            memory.GiveBack(capacity);
            throw;
        }
    }

    private void Trim(bool all)
    {
        foreach (var sizeClass in _classes)
        {
            var excess = all ? sizeClass.Free.Count : sizeClass.LeastFree;
            if (!_disposed && sizeClass == _classes[0])
                excess = Math.Min(excess, sizeClass.Free.Count - ChunksAlwaysKept);
            for (; excess > 0; excess--)
            {
                var buffer = sizeClass.Free.Pop();
                FreeBytes -= buffer.Capacity;
                Drop(buffer);
            }

            sizeClass.LeastFree = sizeClass.Free.Count;
        }
    }

    private void Drop(PinnedBuffer buffer)
    {
        buffer.LoseContent();
        memory.GiveBack(buffer.Capacity);
    }

    private SizeClass ClassOf(int capacity) => _classes[BitOperations.Log2((uint)(capacity - Slack)) - ChunkClass];

    private sealed class SizeClass
    {
        public Stack<PinnedBuffer> Free { get; } = new();

        /// <summary>So many lay there all the time since the last look.</summary>
        public int LeastFree { get; set; }
    }
}
