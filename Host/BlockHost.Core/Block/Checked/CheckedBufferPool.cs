// SPDX-License-Identifier: MIT
using System.Buffers;
using BlockHost.Block;

namespace BlockHost.Core.Block.Checked;

/// <summary>
/// A pool for finding faults, many times slower than <see cref="IoBufferPool"/>: every buffer lies between guard pages, is
/// full of rubbish at first, and cannot be touched after its return, by this process or by the kernel on its behalf. A
/// buffer's memory is not used again until many others have been returned.
/// </summary>
public sealed class CheckedBufferPool(Action<string>? misused = null) : IIoBufferPool, IDisposable
{
    private const nuint KeptBytes = 64 << 20;

    private readonly Lock _gate = new();
    private readonly Queue<GuardedBuffer> _returned = new();
    private nuint _keptBytes;
    private int _outstanding;
    private bool _disposed;

    /// <summary>Set (to anything) in the environment of a program, it works with this pool.</summary>
    public const string Switch = "BLOCKHOST_CHECKED_BUFFERS";

    public int Outstanding => Volatile.Read(ref _outstanding);

    public IMemoryOwner<byte> Rent(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
        var buffer = new GuardedBuffer(this, length);
        Interlocked.Increment(ref _outstanding);
        return buffer;
    }

    public void Dispose()
    {
        Volatile.Write(ref _disposed, true);
        FreeOldest(keep: 0);
    }

    internal void Return(GuardedBuffer buffer)
    {
        Interlocked.Decrement(ref _outstanding);
        lock (_gate)
        {
            _returned.Enqueue(buffer);
            _keptBytes += buffer.Mapped;
        }

        FreeOldest(Volatile.Read(ref _disposed) ? 0 : KeptBytes);
    }

    /// <summary>Memory is corrupt: nothing that happens from here on can be relied on.</summary>
    internal void Misused(string how) => (misused ?? Environment.FailFast)(how);

    private void FreeOldest(nuint keep)
    {
        lock (_gate)
        {
            while (_keptBytes > keep && _returned.TryDequeue(out var oldest))
            {
                _keptBytes -= oldest.Mapped;
                oldest.Free();
            }
        }
    }
}
