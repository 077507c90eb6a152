// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Core.Block;

/// <summary>
/// Pinned buffers, aligned to pages, kept by size class (powers of two from a page up).
/// A bounded number of each class waits for reuse; larger buffers are left to the collector.
/// </summary>
public sealed class IoBufferPool : IIoBufferPool, IDisposable
{
    private const int Alignment = 4096;
    private const int LargestPooled = 1 << 21;
    private const long PooledBytesPerClass = 16 << 20;

    private readonly SizeClass[] _classes = [.. Enumerable.Range(0, Class(LargestPooled) + 1).Select(index => new SizeClass(Alignment << index))];
    private int _outstanding;
    private bool _disposed;

    public int Outstanding => Volatile.Read(ref _outstanding);

    public IMemoryOwner<byte> Rent(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
        Interlocked.Increment(ref _outstanding);
        try
        {
            var buffer = length > LargestPooled ? new Buffer(this, sizeClass: null, length) : _classes[Class(length)].Take(this);
            buffer.Lend(length);
            return buffer;
        }
        catch
        {
            Interlocked.Decrement(ref _outstanding);
            throw;
        }
    }

    public void Dispose()
    {
        Volatile.Write(ref _disposed, true);
        foreach (var sizeClass in _classes)
            sizeClass.Clear();
    }

    private static int Class(int length) => length <= Alignment ? 0 : BitOperations.Log2((uint)length - 1) - BitOperations.Log2(Alignment) + 1;

    private void Return(Buffer buffer, SizeClass? sizeClass)
    {
        Interlocked.Decrement(ref _outstanding);
        if (!Volatile.Read(ref _disposed))
            sizeClass?.Keep(buffer);
    }

    private sealed class SizeClass(int size)
    {
        private readonly Lock _lock = new();
        private readonly Stack<Buffer> _free = new();

        public Buffer Take(IoBufferPool pool)
        {
            lock (_lock)
            {
                if (_free.TryPop(out var buffer))
                    return buffer;
            }

            return new Buffer(pool, this, size);
        }

        public void Keep(Buffer buffer)
        {
            lock (_lock)
            {
                if (_free.Count < Math.Max(2, PooledBytesPerClass / size))
                    _free.Push(buffer);
            }
        }

        public void Clear()
        {
            lock (_lock)
            {
                _free.Clear();
            }
        }
    }

    /// <summary>An aligned window of a pinned array: a leaked one is collected, but stays in the ledger.</summary>
    private sealed unsafe class Buffer : MemoryManager<byte>
    {
        private readonly IoBufferPool _pool;
        private readonly SizeClass? _sizeClass;
        private readonly byte[] _array;
        private readonly int _start;
        private int _length;
        private int _lent;

        public Buffer(IoBufferPool pool, SizeClass? sizeClass, int capacity)
        {
            _pool = pool;
            _sizeClass = sizeClass;
            _array = GC.AllocateUninitializedArray<byte>(capacity + Alignment, pinned: true);
            var address = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_array));
            _start = (int)((Alignment - (address & (Alignment - 1))) & (Alignment - 1));
        }

        public override Memory<byte> Memory => CreateMemory(_length);

        public void Lend(int length)
        {
            _length = length;
            Volatile.Write(ref _lent, 1);
        }

        public override Span<byte> GetSpan() => _array.AsSpan(_start, _length);

        public override MemoryHandle Pin(int elementIndex = 0)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
            // The array never moves, but it is collected: the handle keeps it.
            return new(Unsafe.AsPointer(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_array), _start + elementIndex)), default, this);
        }

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
            // A second dispose must not give the same bytes to two operations.
            if (Interlocked.Exchange(ref _lent, 0) == 1)
                _pool.Return(this, _sizeClass);
        }
    }
}
