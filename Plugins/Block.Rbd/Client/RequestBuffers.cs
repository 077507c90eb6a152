// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Runtime.InteropServices;
using BlockHost.Plugins;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>
/// Memory for requests, by size classes (powers of two from a page up): the system's and not the runtime's or the host's, as Ceph
/// may have it for longer than the node is there. Some of it is kept for the next requests; all counts in the process's budget.
/// </summary>
internal sealed unsafe class RequestBuffers(MemoryBudget memory) : IDisposable
{
    private const int Smallest = 4096;
    private const long MaxKept = 16 << 20;

    private readonly Lock _lock = new();
    private readonly Stack<nint>[] _kept = [.. Enumerable.Range(0, 32).Select(_ => new Stack<nint>())];
    private long _keptBytes;
    private bool _isClosed;

    /// <summary>A buffer with undefined content, of at least so many bytes.</summary>
    public byte* Take(int bytes)
    {
        var order = Order(bytes);
        lock (_lock)
        {
            if (_kept[order].TryPop(out var kept))
            {
                _keptBytes -= 1L << order;
                return (byte*)kept;
            }
        }

        memory.Take(1L << order);
        return (byte*)NativeMemory.AlignedAlloc((nuint)1 << order, Smallest);
    }

    /// <summary>Nobody touches the buffer any more.</summary>
    /// <param name="bytes">As it was asked for.</param>
    public void Return(byte* buffer, int bytes)
    {
        var order = Order(bytes);
        lock (_lock)
        {
            if (!_isClosed && !memory.IsShort && _keptBytes + (1L << order) <= MaxKept)
            {
                _kept[order].Push((nint)buffer);
                _keptBytes += 1L << order;
                return;
            }
        }

        Free(buffer, order);
    }

    public void Dispose()
    {
        lock (_lock)
            _isClosed = true;
        for (var order = 0; order < _kept.Length; order++)
        {
            while (_kept[order].TryPop(out var kept))
                Free((byte*)kept, order);
        }
    }

    private void Free(byte* buffer, int order)
    {
        NativeMemory.AlignedFree(buffer);
        memory.GiveBack(1L << order);
    }

    private static int Order(int bytes) => BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, Smallest)));
}
