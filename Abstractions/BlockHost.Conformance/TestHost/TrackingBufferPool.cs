// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Conformance.TestHost;

/// <summary>
/// A pool that catches misuse: it counts what is not returned, what is returned twice, and what is written after its
/// return; and gives out buffers full of rubbish. With <see cref="Recycle"/> it reuses buffers and allocates nothing in
/// the steady state, for allocation budgets.
/// </summary>
public sealed class TrackingBufferPool : IIoBufferPool
{
    private const int Alignment = 4096;
    private const byte Rubbish = 0xA7;
    private const byte Returned = 0xDE;

    private readonly Lock _lock = new();
    private readonly Dictionary<int, Stack<Buffer>> _free = [];
    private readonly List<Buffer> _retired = [];

    /// <summary>Reuse buffers rather than watch them after their return.</summary>
    public bool Recycle { get; set; }

    public int Outstanding { get; private set; }

    /// <summary>Most buffers rented at one time.</summary>
    public int HighWater { get; private set; }

    /// <summary>Buffers that were disposed more than once.</summary>
    public int DoubleReturns { get; private set; }

    /// <summary>Buffers whose content changed after their return.</summary>
    public int WritesAfterReturn
    {
        get
        {
            lock (_lock)
                return _retired.Count(b => b.Memory.Span.ContainsAnyExcept(Returned));
        }
    }

    public IMemoryOwner<byte> Rent(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Buffer buffer;
        lock (_lock)
        {
            Outstanding++;
            HighWater = Math.Max(HighWater, Outstanding);
            if (Recycle && _free.TryGetValue(length, out var free) && free.TryPop(out var used))
            {
                used.Rented = true;
                return used;
            }

            buffer = new Buffer(this, length);
        }

        buffer.Memory.Span.Fill(Rubbish);
        return buffer;
    }

    private void Return(Buffer buffer)
    {
        lock (_lock)
        {
            if (!buffer.Rented)
            {
                DoubleReturns++;
                return;
            }

            buffer.Rented = false;
            Outstanding--;
            if (!Recycle)
            {
                buffer.Memory.Span.Fill(Returned);
                _retired.Add(buffer);
                return;
            }

            if (!_free.TryGetValue(buffer.Memory.Length, out var free))
                _free.Add(buffer.Memory.Length, free = new Stack<Buffer>());
            free.Push(buffer);
        }
    }

    private sealed class Buffer : IMemoryOwner<byte>
    {
        private readonly TrackingBufferPool _pool;

        public Buffer(TrackingBufferPool pool, int length)
        {
            _pool = pool;
            var array = GC.AllocateUninitializedArray<byte>(length + Alignment, pinned: true);
            var address = (long)Marshal.UnsafeAddrOfPinnedArrayElement(array, 0);
            Memory = MemoryMarshal.CreateFromPinnedArray(array, (int)(-address & (Alignment - 1)), length);
        }

        public bool Rented { get; set; } = true;

        public Memory<byte> Memory { get; }

        public void Dispose() => _pool.Return(this);
    }
}
