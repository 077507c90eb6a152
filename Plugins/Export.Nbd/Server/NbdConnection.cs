// SPDX-License-Identifier: MIT
using System.Buffers;
using BlockHost.Plugins.Export.Nbd.Interop;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// One client, from greeting to goodbye, on one event loop: receives, haggles, hands requests to a
/// <see cref="RequestRunner"/> and sends what that answers. Everything here runs on the loop's thread.
/// <code>
///   socket ─► ReceiveBuffer ─► OptionHaggler | RequestRunner ─► SendQueue ─► socket
///                 ▲ stops while too much is in flight or unsent ──┘
/// </code>
/// </summary>
internal sealed class NbdConnection : IEventHandler
{
    /// <summary>No request is begun while more than this is unsent: a client that does not read gets no further.</summary>
    private const long MaxUnsent = 1 << 20;

    /// <summary>Replies are sent when this much has gathered, even if more requests are waiting.</summary>
    private const int SendAt = 256 << 10;

    private const int SendEarlyAt = 32 << 10;
    private const int SendEarlyReplies = 8;

    private readonly NbdServer _server;
    private readonly OptionHaggler _haggler;
    private readonly ReceiveBuffer _input;
    private readonly ReplyBuffer _replies;
    private readonly SendQueue _output = new();
    private readonly ArrayBufferWriter<byte> _handshakeOutput = new();
    private readonly ITimer _handshakeLimit;
    private RequestRunner? _runner;
    private int _fd;
    private long _eventId;
    private EpollEvents _watched;
    private int _repliesUnsent;
    private bool _sendBlocked;
    private bool _ending;
    private bool _released;

    public NbdConnection(NbdServer server, EventLoop loop, int fd)
    {
        _server = server;
        Loop = loop;
        _fd = fd;
        _haggler = new OptionHaggler(server, server.OffersTls);
        _input = new ReceiveBuffer(loop.Buffers);
        _replies = new ReplyBuffer(loop.Buffers);
        _handshakeLimit = server.Clock.CreateTimer(_ => Loop.Post(new Work(HandshakeTooSlow)), null, NbdServer.HandshakeLimit, Timeout.InfiniteTimeSpan);
    }

    public EventLoop Loop { get; }

    /// <summary>On the loop: greets the client and waits for its answer.</summary>
    public void Start()
    {
        if (_ending)
            return;
        Watch();
        OptionReplies.Greeting(_handshakeOutput);
        SendHandshakeOutput();
        Flush();
        UpdateInterest();
    }

    /// <summary>From any thread: takes no more requests, completes those in flight, and closes.</summary>
    public void RequestEnd() => Loop.Post(new Work(End));

    public void OnEvents(EpollEvents events) => Guard(static (connection, events) => connection.Handle(events), events);

    private void Handle(EpollEvents events)
    {
        if (_fd < 0)
            return;
        if ((events & EpollEvents.Out) != 0)
            Flush();
        if ((events & (EpollEvents.In | EpollEvents.Error | EpollEvents.HangUp)) != 0 && !Receive())
            return;
        Proceed();
    }

    /// <summary>A request that did not complete at once has done so.</summary>
    public void OnCompleted(RequestSlot slot) => Guard(
        static (connection, slot) =>
        {
            connection._runner!.Finish(slot);
            connection.Proceed();
        },
        slot);

    /// <summary>The loop is a thread of its own: a fault there would end the process, and here it ends its client.</summary>
    private void Guard<T>(Action<NbdConnection, T> step, T argument)
    {
        try
        {
            step(this, argument);
        }
        catch (Exception e)
        {
            _server.Log.ConnectionDropped(e);
            Break();
        }
    }

    /// <summary>A reply is in the queue: sends where it pays.</summary>
    private void AfterReply()
    {
        _repliesUnsent++;
        if (_sendBlocked || _ending)
            return;
        if (_output.Pending >= SendAt || (Loop.SendEarly && (_output.Pending >= SendEarlyAt || _repliesUnsent >= SendEarlyReplies)))
            Flush();
    }

    /// <summary>False: the connection has ended.</summary>
    private bool Receive()
    {
        if (_ending || !WantsInput)
        {
            // Nothing is read any more, so a client that hung up shows by this event only.
            Break();
            return false;
        }

        if (_input.Receive(_fd) != ReceiveResult.Closed)
            return true;
        Break();
        return false;
    }

    /// <summary>Takes what has been received as far as the limits allow, then sends and waits for what is needed next.</summary>
    private void Proceed()
    {
        if (!_ending)
        {
            if (_runner is null)
                Haggle();
            TakeRequests();
        }

        if (!_sendBlocked)
            Flush();
        if (_ending)
            EndWhenDone();
        else if (_fd >= 0)
            UpdateInterest();
    }

    private void TakeRequests()
    {
        while (_runner is { } runner && !_ending && _output.Pending < MaxUnsent)
        {
            var result = runner.TakeNext();
            if (result == TakeResult.Taken)
                continue;
            if (result == TakeResult.Goodbye)
                End();
            return;
        }
    }

    private void Haggle()
    {
        var result = _haggler.Consume(_input.Unread, out var consumed, _handshakeOutput);
        _input.Skip(consumed);
        SendHandshakeOutput();
        switch (result)
        {
            case HaggleResult.Close:
                End();
                break;
            case HaggleResult.StartTls:
                StartTls();
                break;
            case HaggleResult.Transmission:
                BeginTransmission();
                break;
        }
    }

    private void BeginTransmission()
    {
        _handshakeLimit.Dispose();
        var export = (NbdExport)_haggler.Export!;
        if (!export.TryAttach(this))
        {
            End();
            return;
        }

        _runner = new RequestRunner(this, export, _haggler, _input, _replies, _output, AfterReply);
    }

    /// <summary>Anything the client sent after STARTTLS in the clear would be read as if it came through TLS: no such client is served.</summary>
    private void StartTls()
    {
        Flush();
        if (_fd < 0)
            return;
        if (_input.Available > 0 || _output.Pending > 0)
        {
            End();
            return;
        }

        var fd = _fd;
        Unwatch();
        _fd = -1;
        _ = _server.UpgradeAsync(fd, plainFd => Loop.Post(new Work(() => ResumeInTls(plainFd))));
    }

    /// <param name="fd">Our end of a plain stream through TLS, or -1 where TLS failed.</param>
    private void ResumeInTls(int fd)
    {
        _fd = fd;
        if (fd < 0 || _ending)
        {
            Break();
            return;
        }

        _haggler.TlsStarted();
        Watch();
    }

    private void SendHandshakeOutput()
    {
        var written = _handshakeOutput.WrittenSpan;
        while (!written.IsEmpty)
        {
            var n = Math.Min(written.Length, ReplyBuffer.SmallLimit);
            var space = _replies.Reserve(n, 0);
            written[..n].CopyTo(space.Header);
            _output.Append(space.Buffer, space.Start, n);
            written = written[n..];
        }

        _handshakeOutput.ResetWrittenCount();
    }

    private void Flush()
    {
        if (_fd < 0 || _output.Pending == 0)
            return;
        if (!_output.Flush(_fd))
        {
            Break();
            return;
        }

        _repliesUnsent = 0;
        _sendBlocked = _output.Pending > 0;
        if (!_sendBlocked)
            _replies.Recycle();
    }

    private bool WantsInput => !_ending && _output.Pending < MaxUnsent && _runner is not { IsFull: true };

    private void UpdateInterest()
    {
        var wanted = (WantsInput ? EpollEvents.In : EpollEvents.None) | (_sendBlocked ? EpollEvents.Out : EpollEvents.None);
        if (wanted != _watched)
            Loop.Change(_fd, _watched = wanted, _eventId);
        if (_runner is not { InFlight: > 0 } && !_sendBlocked)
        {
            _input.ReleaseIfEmpty();
            _replies.Release();
        }
    }

    private void Watch()
    {
        _watched = EpollEvents.In;
        _eventId = Loop.Add(_fd, _watched, this);
    }

    private void Unwatch() => Loop.Remove(_fd, _eventId);

    private void HandshakeTooSlow()
    {
        if (_runner is not null || _ending)
            return;
        _server.Log.ClientRefused("it did not choose an export in time");
        End();
    }

    private void End()
    {
        if (_ending)
            return;
        _ending = true;
        _runner?.Abandon();
        Flush();
        EndWhenDone();
    }

    /// <summary>Closes once nothing is in flight; replies that the socket does not take by then are lost with it.</summary>
    private void EndWhenDone()
    {
        if (_runner is { InFlight: > 0 })
        {
            if (_fd >= 0)
                UpdateInterest();
            return;
        }

        CloseSocket();
        Released();
    }

    /// <summary>The client is gone: what is in flight completes for nobody.</summary>
    private void Break()
    {
        _ending = true;
        _runner?.Abandon();
        CloseSocket();
        if (_runner is not { InFlight: > 0 })
            Released();
    }

    private void CloseSocket()
    {
        if (_fd < 0)
            return;
        Unwatch();
        _ = Libc.close(_fd);
        _fd = -1;
        _output.Clear();
    }

    private void Released()
    {
        if (_released)
            return;
        _released = true;
        _handshakeLimit.Dispose();
        _input.Release();
        _output.Clear();
        _replies.Release();
        _runner?.Close();
        _server.Closed(this);
    }

    private sealed class Work(Action action) : ILoopWork
    {
        public void Run() => action();
    }
}
