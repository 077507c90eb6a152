// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using BlockHost.Block;
using BlockHost.Core.Memory;
using BlockHost.Plugins;

namespace BlockHost.Core.Block;

/// <summary>
/// Pinned buffers, aligned to pages, kept by size class (powers of two from a page up). A bounded number of each class
/// waits for reuse, and goes back to the system when nothing has needed it for a while; larger buffers go back at once.
/// Every buffer counts in the process's budget, in use or kept.
/// </summary>
public sealed class IoBufferPool : IIoBufferPool, IDisposable
{
    /// <summary>What lay unused from one look to the next goes back: after twice this at the latest.</summary>
    public static readonly TimeSpan TrimPeriod = TimeSpan.FromSeconds(2);

    private const int Alignment = 4096;
    private const int LargestPooled = 1 << 21;
    private const long PooledBytesPerClass = 16 << 20;

    private readonly SizeClass[] _classes;
    private readonly MemoryBudget _memory;
    private readonly ITimer _trim;
    private int _outstanding;
    private int _watching;
    private bool _disposed;

    public IoBufferPool(TimeProvider clock, MemoryBudget memory)
    {
        _memory = memory;
        _classes = [.. Enumerable.Range(0, Class(LargestPooled) + 1).Select(index => new SizeClass(this, Alignment << index))];
        _trim = clock.CreateTimer(_ => Trim(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>Bytes kept for reuse.</summary>
    public long FreeBytes => _classes.Sum(sizeClass => sizeClass.FreeBytes);

    public IMemoryOwner<byte> Rent(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
        Interlocked.Increment(ref _outstanding);
        try
        {
            var buffer = length > LargestPooled ? new Buffer(this, sizeClass: null, length) : _classes[Class(length)].Take();
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
        _trim.Dispose();
        foreach (var sizeClass in _classes)
            sizeClass.Trim(all: true);
    }

    private static int Class(int length) =>
        length <= Alignment ? 0 : BitOperations.Log2((uint)length - 1) - BitOperations.Log2(Alignment) + 1;

    private void Return(Buffer buffer, SizeClass? sizeClass)
    {
        Interlocked.Decrement(ref _outstanding);
        if (sizeClass is null || Volatile.Read(ref _disposed) || _memory.IsShort || !sizeClass.TryKeep(buffer))
            buffer.GiveBack();
        else if (Volatile.Read(ref _watching) == 0 && Interlocked.Exchange(ref _watching, 1) == 0)
            _trim.Change(TrimPeriod, Timeout.InfiniteTimeSpan);
    }

    private void Trim()
    {
        Volatile.Write(ref _watching, 0);
        foreach (var sizeClass in _classes)
            sizeClass.Trim(all: Volatile.Read(ref _disposed));
        if (FreeBytes > 0 && !Volatile.Read(ref _disposed) && Interlocked.Exchange(ref _watching, 1) == 0)
            _trim.Change(TrimPeriod, Timeout.InfiniteTimeSpan);
    }

    private sealed class SizeClass(IoBufferPool pool, int size)
    {
        private readonly Lock _lock = new();
        private readonly Stack<Buffer> _free = new();
        private int _leastFree;

        public long FreeBytes
        {
            get
            {
                lock (_lock)
                    return (long)_free.Count * size;
            }
        }

        public Buffer Take()
        {
            lock (_lock)
            {
                if (_free.TryPop(out var buffer))
                {
                    _leastFree = Math.Min(_leastFree, _free.Count);
                    return buffer;
                }
            }

            return new Buffer(pool, this, size);
        }

        public bool TryKeep(Buffer buffer)
        {
            lock (_lock)
            {
                if (_free.Count >= Math.Max(2, PooledBytesPerClass / size))
                    return false;
                _free.Push(buffer);
                return true;
            }
        }

        /// <summary>Gives back what was not needed since the last call, or all.</summary>
        public void Trim(bool all)
        {
            lock (_lock)
            {
                for (var excess = all ? _free.Count : _leastFree; excess > 0; excess--)
                    _free.Pop().GiveBack();
                _leastFree = _free.Count;
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
            pool._memory.Take(_array.Length);
        }

        public override Memory<byte> Memory => CreateMemory(_length);

        public void Lend(int length)
        {
            _length = length;
            Volatile.Write(ref _lent, 1);
        }

        /// <summary>To the system at once; the addresses stay until the collector comes to them.</summary>
        public void GiveBack()
        {
            UnusedPages.GiveBack(_array);
            _pool._memory.GiveBack(_array.Length);
        }

        public override Span<byte> GetSpan() => _array.AsSpan(_start, _length);

        public override MemoryHandle Pin(int elementIndex = 0)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
            // The array never moves, but it is collected: the handle keeps it.
            return new(
                Unsafe.AsPointer(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_array), _start + elementIndex)),
                default,
                this);
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
