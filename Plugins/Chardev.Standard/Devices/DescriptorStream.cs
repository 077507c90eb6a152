// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Threading.Channels;
using BlockHost.Block;
using BlockHost.Chardevs;
using BlockHost.Plugins;
using BlockHost.Posix;

namespace BlockHost.Plugins.Chardev.Standard.Devices;

/// <summary>
/// A pipe or terminal as a stream. A thread, which starts with the first read, waits in the kernel for bytes and for the end:
/// <code>
///   descriptor ─┐
///               ├─ epoll ─► read ─► at most 16 pieces ─► who reads the stream
///   eventfd ────┘   the stream is closed
/// </code>
/// </summary>
/// <param name="input">Not blocking.</param>
/// <param name="output">Not blocking; the same as <paramref name="input"/> where the device is one.</param>
/// <param name="comesBack">
/// An end of the input is none: whoever held the other end has left, and another may come. Output without room is then lost.
/// </param>
internal sealed class DescriptorStream(int input, int output, bool comesBack, TimeProvider clock) : SequentialStream
{
    private const int PieceLength = 4096;
    private const int RetryMilliseconds = 100;
    private static readonly TimeSpan FullTime = TimeSpan.FromMilliseconds(10);

    private readonly Channel<byte[]> _pieces = Channel.CreateBounded<byte[]>(16);
    private readonly int _end = Libc.eventfd(0, Libc.EFD_CLOEXEC);
    private readonly CancellationTokenSource _closed = new();
    private readonly Lock _lock = new();
    private ReadOnlyMemory<byte> _rest;
    private bool _isReading;

    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        StartReading();
        while (_rest.IsEmpty)
        {
            if (!await _pieces.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
                return 0;
            if (_pieces.Reader.TryRead(out var piece))
                _rest = piece;
        }

        var length = Math.Min(buffer.Length, _rest.Length);
        _rest[..length].CopyTo(buffer);
        _rest = _rest[length..];
        return length;
    }

    public override void Write(byte[] buffer, int offset, int count) =>
        WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            var (written, errno) = TryWrite(buffer.Span);
            if (written > 0)
                buffer = buffer[written..];
            else if (errno is not (Errno.EAGAIN or Errno.EINTR))
                throw new IOException(ErrnoText.Of(errno));
            else if (comesBack)
                return;
            else
                await Task.Delay(FullTime, clock, _closed.Token).ConfigureAwait(false);
        }
    }

    protected override void Dispose(bool disposing)
    {
        lock (_lock)
        {
            if (_closed.IsCancellationRequested)
                return;
            _closed.Cancel();
            if (_isReading)
                Wake();
            else
                CloseAll();
        }

        base.Dispose(disposing);
    }

    private void StartReading()
    {
        lock (_lock)
        {
            if (_isReading || _closed.IsCancellationRequested)
                return;
            _isReading = true;
        }

        PluginThread.Start("chardev", ReadUntilClosed);
    }

    private void ReadUntilClosed()
    {
        var epoll = Libc.epoll_create1(Libc.EPOLL_CLOEXEC);
        Watch(epoll, input);
        Watch(epoll, _end);
        var buffer = new byte[PieceLength];
        while (!_closed.IsCancellationRequested && TryTake(epoll, buffer))
        {
            // On to the next piece.
        }

        _pieces.Writer.TryComplete();
        _ = Libc.close(epoll);
        lock (_lock)
        {
            // Who closes the stream later finds nobody reading.
            _isReading = false;
            if (_closed.IsCancellationRequested)
                CloseAll();
        }
    }

    /// <returns>False: it is the end.</returns>
    private bool TryTake(int epoll, byte[] buffer)
    {
        var (read, errno) = TryRead(buffer);
        if (read > 0)
        {
            var piece = buffer.AsSpan(0, read).ToArray();
            if (_pieces.Writer.TryWrite(piece))
                return true;
            return Passes(_pieces.Writer.WriteAsync(piece, _closed.Token).AsTask());
        }

        if (read < 0 && errno is (Errno.EAGAIN or Errno.EINTR))
        {
            Wait(epoll, -1);
            return true;
        }

        if (!comesBack)
            return false;
        // The descriptor says "hung up" at once, as often as it is asked.
        Wait(epoll, RetryMilliseconds, alone: _end);
        return true;
    }

    private static bool Passes(Task task)
    {
        try
        {
            task.GetAwaiter().GetResult();
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static unsafe void Wait(int epoll, int milliseconds, int? alone = null)
    {
        var events = stackalloc byte[EpollEvent.Size];
        if (alone is not { } only)
        {
            _ = Libc.epoll_wait(epoll, events, 1, milliseconds);
            return;
        }

        var other = Libc.epoll_create1(Libc.EPOLL_CLOEXEC);
        Watch(other, only);
        _ = Libc.epoll_wait(other, events, 1, milliseconds);
        _ = Libc.close(other);
    }

    private static unsafe void Watch(int epoll, int descriptor)
    {
        var change = stackalloc byte[EpollEvent.Size];
        EpollEvent.Write(change, EpollEvents.In, descriptor);
        _ = Libc.epoll_ctl(epoll, Libc.EPOLL_CTL_ADD, descriptor, change);
    }

    private unsafe (int Read, int Errno) TryRead(byte[] buffer)
    {
        fixed (byte* target = buffer)
        {
            var read = (int)Libc.read(input, target, (nuint)buffer.Length);
            return (read, read < 0 ? Marshal.GetLastPInvokeError() : 0);
        }
    }

    private unsafe (int Written, int Errno) TryWrite(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed.IsCancellationRequested, this);
            fixed (byte* source = bytes)
            {
                var written = (int)Libc.write(output, source, (nuint)bytes.Length);
                return (written, written < 0 ? Marshal.GetLastPInvokeError() : 0);
            }
        }
    }

    private unsafe void Wake()
    {
        var one = 1L;
        _ = Libc.write(_end, &one, sizeof(long));
    }

    private void CloseAll()
    {
        _ = Libc.close(input);
        if (output != input)
            _ = Libc.close(output);
        _ = Libc.close(_end);
    }
}
