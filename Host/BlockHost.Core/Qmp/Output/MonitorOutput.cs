// SPDX-License-Identifier: MIT
using System.Buffers;

namespace BlockHost.Core.Qmp.Output;

/// <summary>
/// What goes out to one monitor. A message is handed to the transport at once where that is idle, and joins what waits
/// for it otherwise. A peer that does not read stops only itself: its own answers wait for room, so that its commands
/// stop, and events that find no room end its session.
/// </summary>
internal sealed class MonitorOutput(Stream stream, int limit) : IDisposable
{
    private readonly Lock _gate = new();
    private PooledBufferWriter _waiting = new();
    private PooledBufferWriter _sending = new();
    private TaskCompletionSource? _room;
    private Task _sender = Task.CompletedTask;
    private bool _isSending;
    private bool _isClosed;

    /// <summary>Called once when the peer has gone or does not read.</summary>
    public Action? Broken { get; init; }

    /// <summary>Sends an answer; completes when the peer has read enough of the earlier ones.</summary>
    public ValueTask SendAsync(ReadOnlySpan<byte> message)
    {
        lock (_gate)
        {
            if (_isClosed)
                return ValueTask.CompletedTask;
            _waiting.Write(message);
        }

        Pump();
        return Room();
    }

    /// <summary>Sends an event; never waits.</summary>
    public void Post(ReadOnlySpan<byte> message)
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            if (_waiting.Length + message.Length <= limit)
                _waiting.Write(message);
            else
                _isClosed = true;
        }

        if (_isClosed)
            Close();
        else
            Pump();
    }

    /// <summary>Waits until everything is with the transport.</summary>
    public Task FlushAsync()
    {
        lock (_gate)
            return _sender;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            if (!_isSending)
                Free();
        }
    }

    private ValueTask Room()
    {
        lock (_gate)
        {
            if (_isClosed || _waiting.Length <= limit)
                return ValueTask.CompletedTask;
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_room.Task);
        }
    }

    private void Pump()
    {
        lock (_gate)
        {
            if (_isSending || _isClosed)
                return;
            _isSending = true;
            _sender = SendWaitingAsync();
        }
    }

    // Runs on the caller's thread, under its lock, up to the first write that the transport does not take at once.
    private async Task SendWaitingAsync()
    {
        try
        {
            while (TakeWaiting())
            {
                await stream.WriteAsync(_sending.Memory, CancellationToken.None).ConfigureAwait(false);
                await stream.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception e)
            when (e is IOException or ObjectDisposedException or InvalidOperationException or System.Net.Sockets.SocketException)
        {
            StopSending();
            Close();
        }
    }

    private bool TakeWaiting()
    {
        lock (_gate)
        {
            _sending.Clear();
            _room?.TrySetResult();
            _room = null;
            if (_waiting.Length > 0 && !_isClosed)
            {
                (_sending, _waiting) = (_waiting, _sending);
                return true;
            }

            _isSending = false;
            if (_isClosed)
                Free();
            return false;
        }
    }

    private void StopSending()
    {
        lock (_gate)
        {
            _isSending = false;
            _isClosed = true;
            Free();
        }
    }

    private void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            _room?.TrySetResult();
            _room = null;
        }

        Broken?.Invoke();
    }

    private void Free()
    {
        _waiting.Dispose();
        _sending.Dispose();
    }
}
