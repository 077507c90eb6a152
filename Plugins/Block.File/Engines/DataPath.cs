// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.File.Native;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>
/// Reads and writes of one open descriptor.
/// <code>
///   caller ─► page cache has it: preadv2(RWF_NOWAIT) on the caller's thread, no thread hop, no allocation
///          └► otherwise, for direct I/O, and where much is to be copied: a pooled request, done by the engine
/// </code>
/// Copying more than <see cref="MaxInline"/> takes longer than waking another thread, and then a client with several
/// requests under way has one copied while the reply to another is sent.
/// </summary>
internal sealed class DataPath : IAsyncDisposable
{
    /// <summary>Largest request in bytes that is done on the caller's thread.</summary>
    internal const int MaxInline = 128 * 1024;

    private readonly FileDescriptor _file;
    private readonly IFileEngine _engine;
    private readonly RequestPool _requests;
    private readonly InlineWrites? _inlineWrites;
    private bool _readsNow;
    private bool _writesKnowNoWait = true;

    internal DataPath(
        FileDescriptor file, bool direct, DirectAlignment alignment, IFileEngine engine, RequestPool requests, TimeProvider clock)
    {
        _file = file;
        _engine = engine;
        _requests = requests;
        _readsNow = !direct;
        _inlineWrites = direct ? null : new InlineWrites(clock);
        IsDirect = direct;
        Alignment = alignment;
    }

    internal FileDescriptor File => _file;

    internal bool IsDirect { get; }

    internal DirectAlignment Alignment { get; }

    internal bool IsWritable { get; init; }

    internal ValueTask ReadAsync(long offset, IoSlice target)
    {
        var now = _readsNow && target.Length <= MaxInline;
        if (!now || !target.TryGetMemory(out var memory))
            return SubmitAsync(FileOperation.Read, offset, target, tryNow: now);
        var n = ReadNow(offset, memory.Span);
        if (n == memory.Length)
            return default;
        return SubmitAsync(FileOperation.Read, offset + n, target.Slice(n), tryNow: false);
    }

    internal ValueTask WriteAsync(long offset, IoSlice source, bool durable)
    {
        if (durable)
            return SubmitAsync(FileOperation.DurableWrite, offset, source, tryNow: false);
        if (_inlineWrites is null || source.Length > MaxInline || !_inlineWrites.TryBegin(out var started))
            return SubmitAsync(FileOperation.Write, offset, source, tryNow: false);
        if (!source.TryGetMemory(out var memory))
        {
            var task = SubmitAsync(FileOperation.Write, offset, source, tryNow: true);
            _inlineWrites.End(started);
            return task;
        }

        var n = WriteNow(offset, memory.Span);
        _requests.Flushes.Written();
        _inlineWrites.End(started);
        if (n == memory.Length)
            return default;
        return SubmitAsync(FileOperation.Write, offset + n, source.Slice(n), tryNow: false);
    }

    /// <summary>Disposes in the background: the engine's thread may take a moment to end, and nobody needs to wait.</summary>
    internal void Retire() => _ = DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync().ConfigureAwait(false);
        _file.Dispose();
    }

    /// <summary>Bytes that could be read without waiting, perhaps none.</summary>
    private unsafe int ReadNow(long offset, Span<byte> target)
    {
        fixed (byte* buffer = target)
        {
            var vector = new IoVec { Base = buffer, Length = (nuint)target.Length };
            var n = Libc.preadv2(_file.Value, &vector, 1, offset, (int)IoCallFlags.NoWait);
            return n >= 0 ? (int)n : AfterRefusal(ref _readsNow);
        }
    }

    /// <summary>Bytes written on this thread, perhaps none; what failed is tried again, and reported, by the engine.</summary>
    private unsafe int WriteNow(long offset, Span<byte> source)
    {
        fixed (byte* buffer = source)
        {
            var vector = new IoVec { Base = buffer, Length = (nuint)source.Length };
            if (_writesKnowNoWait)
            {
                var n = Libc.pwritev2(_file.Value, &vector, 1, offset, (int)IoCallFlags.NoWait);
                if (n >= 0)
                    return (int)n;
                AfterRefusal(ref _writesKnowNoWait);
                if (_writesKnowNoWait)
                    return 0;
            }

            return (int)Math.Max(0, Libc.pwritev2(_file.Value, &vector, 1, offset, 0));
        }
    }

    private ValueTask SubmitAsync(FileOperation operation, long offset, IoSlice slice, bool tryNow)
    {
        var request = _requests.Rent();
        request.Prepare(operation, _file.Value, offset, slice, Alignment.Offset);
        if (tryNow && TryNow(request))
        {
            if (operation != FileOperation.Read)
                _requests.Flushes.Written();
            request.Drop();
            return default;
        }

        var task = request.Task;
        _engine.Submit(request);
        return task;
    }

    /// <summary>True when one call on this thread did all of the request.</summary>
    private bool TryNow(FileRequest request)
    {
        var isRead = request.Operation == FileOperation.Read;
        var noWait = isRead || _writesKnowNoWait;
        var n = request.Call(noWait ? IoCallFlags.NoWait : IoCallFlags.None);
        if (n >= 0)
            return n > 0 && request.Account(n, out _);
        if (n == -LinuxError.ENOTSUP)
        {
            if (isRead)
                _readsNow = false;
            else
                _writesKnowNoWait = false;
        }

        return false;
    }

    /// <summary>A file system that has no such thing as "at once" is not asked again.</summary>
    private static int AfterRefusal(ref bool supported)
    {
        if (SystemError.Last == LinuxError.ENOTSUP)
            supported = false;
        return 0;
    }
}
