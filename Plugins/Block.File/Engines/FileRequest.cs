// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Threading.Tasks.Sources;
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Engines;

internal enum FileOperation
{
    Read,
    Write,

    /// <summary>A write that is on stable storage when it completes.</summary>
    DurableWrite,

    /// <summary>A change of another kind: <see cref="FileRequest.Work"/>.</summary>
    Change,

    Flush,
}

/// <summary>
/// One operation that does not complete at once, reused through its <see cref="RequestPool"/>: it is the source of its
/// own ValueTask, the link of the queues it waits in, and the holder of pinned buffers. Awaiting its task returns it.
/// </summary>
internal sealed unsafe class FileRequest(RequestPool pool) : IValueTaskSource
{
    /// <summary>Segments that the kernel takes in one call (IOV_MAX).</summary>
    private const int MaxVectorsPerCall = 1024;

    private ManualResetValueTaskSourceCore<bool> _completion;
    private IoVec[] _vectors = GC.AllocateUninitializedArray<IoVec>(8, pinned: true);
    private MemoryHandle[] _pins = new MemoryHandle[8];
    private int _count;
    private int _first;

    internal FileRequest? Next { get; set; }

    internal FileOperation Operation { get; private set; }

    internal int Descriptor { get; private set; }

    /// <summary>Where the next system call continues.</summary>
    internal long Offset { get; private set; }

    /// <summary>Bytes still to do.</summary>
    internal long Remaining { get; private set; }

    /// <summary>Blocking work for a worker thread; answers an errno, 0 when done.</summary>
    internal Func<FileRequest, int>? Work { get; private set; }

    internal object? State { get; private set; }

    internal int WorkArgument { get; private set; }

    /// <summary>A direct read can only stop off a block boundary at the end of the file.</summary>
    internal int BlockSize { get; private set; }

    internal ValueTask Task => new(this, _completion.Version);

    internal IoVec* Vectors => (IoVec*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref _vectors[_first]);

    internal int VectorCount => Math.Min(_count - _first, MaxVectorsPerCall);

    /// <summary>Pins <paramref name="slice"/> until the request completes or is dropped.</summary>
    internal void Prepare(FileOperation operation, int descriptor, long offset, IoSlice slice, int blockSize)
    {
        Operation = operation;
        Descriptor = descriptor;
        Offset = offset;
        Remaining = slice.Length;
        BlockSize = blockSize;
        foreach (var segment in slice)
            Pin(segment);
    }

    internal void Prepare(
        FileOperation operation,
        Func<FileRequest, int> work,
        object? state,
        int descriptor,
        long offset,
        long bytes,
        int argument)
    {
        Operation = operation;
        Descriptor = descriptor;
        Offset = offset;
        Remaining = bytes;
        Work = work;
        State = state;
        WorkArgument = argument;
    }

    /// <summary>One system call for what remains: bytes done, or a negative errno.</summary>
    internal nint Call(IoCallFlags flags)
    {
        while (true)
        {
            var n = Operation == FileOperation.Read
                ? Libc.preadv2(Descriptor, Vectors, VectorCount, Offset, (int)flags)
                : Libc.pwritev2(Descriptor, Vectors, VectorCount, Offset, (int)(flags | SyncFlag));
            if (n >= 0)
                return n;
            var errno = SystemError.Last;
            if (errno != Errno.EINTR)
                return -errno;
        }
    }

    /// <summary>RWF_DSYNC for a durable write.</summary>
    internal IoCallFlags SyncFlag => Operation == FileOperation.DurableWrite ? IoCallFlags.DataSync : IoCallFlags.None;

    /// <summary>
    /// Accounts for a call's result.
    /// <code>
    ///   result &lt; 0            failed
    ///   0 on a read          end of file: the rest reads as zeroes
    ///   less than remaining  partly done
    /// </code>
    /// </summary>
    /// <returns>True when the request is over, with its errno (0: done) in <paramref name="errno"/>.</returns>
    internal bool Account(nint result, out int errno)
    {
        errno = 0;
        if (result < 0)
        {
            errno = (int)-result;
            return true;
        }

        if (result == 0 && Remaining > 0 && Operation != FileOperation.Read)
        {
            errno = Errno.ENOSPC;
            return true;
        }

        Advance(result);
        if (Remaining > 0 && Operation == FileOperation.Read && (result == 0 || Offset % BlockSize != 0))
            ZeroRest();
        return Remaining == 0;
    }

    /// <summary>Does the whole request on this (worker) thread and completes it.</summary>
    internal void Run()
    {
        int errno;
        if (Work is not null)
        {
            errno = Work(this);
        }
        else
        {
            while (!Account(Call(IoCallFlags.None), out errno))
            {
            }
        }

        Complete(errno, continueElsewhere: false);
    }

    /// <param name="continueElsewhere">
    /// What awaits the request runs on the thread pool. A thread that alone reaps an engine's completions must not
    /// lend itself to code that may wait for another of them.
    /// </param>
    internal void Complete(int errno, bool continueElsewhere)
    {
        if (Operation is FileOperation.Write or FileOperation.DurableWrite or FileOperation.Change)
            pool.Flushes.Written();
        Unpin();
        _completion.RunContinuationsAsynchronously = continueElsewhere;
        if (errno == 0)
            _completion.SetResult(true);
        else
            _completion.SetException(SystemError.Exception(errno, Offset));
    }

    /// <summary>Gives the request back without its task having been handed out.</summary>
    internal void Drop()
    {
        Unpin();
        pool.Return(this);
    }

    void IValueTaskSource.GetResult(short token)
    {
        try
        {
            _completion.GetResult(token);
        }
        finally
        {
            _completion.Reset();
            Work = null;
            State = null;
            pool.Return(this);
        }
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _completion.GetStatus(token);

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _completion.OnCompleted(continuation, state, token, flags);

    private void Pin(Memory<byte> segment)
    {
        if (_count == _pins.Length)
            Grow();
        var pin = segment.Pin();
        _pins[_count] = pin;
        _vectors[_count++] = new IoVec { Base = pin.Pointer, Length = (nuint)segment.Length };
    }

    private void Grow()
    {
        var vectors = GC.AllocateUninitializedArray<IoVec>(_count * 2, pinned: true);
        _vectors.AsSpan(0, _count).CopyTo(vectors);
        _vectors = vectors;
        Array.Resize(ref _pins, _count * 2);
    }

    private void Unpin()
    {
        for (var i = 0; i < _count; i++)
        {
            _pins[i].Dispose();
            _pins[i] = default;
        }

        _count = 0;
        _first = 0;
    }

    private void Advance(nint bytes)
    {
        Offset += bytes;
        Remaining -= bytes;
        var left = (nuint)bytes;
        while (left > 0)
        {
            ref var vector = ref _vectors[_first];
            if (left < vector.Length)
            {
                vector.Base = (byte*)vector.Base + left;
                vector.Length -= left;
                return;
            }

            left -= vector.Length;
            _first++;
        }
    }

    private void ZeroRest()
    {
        for (var i = _first; i < _count; i++)
            new Span<byte>(_vectors[i].Base, (int)_vectors[i].Length).Clear();
        Remaining = 0;
    }
}
