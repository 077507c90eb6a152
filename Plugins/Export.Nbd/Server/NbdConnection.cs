// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Export.Nbd.Protocol;
using BlockHost.Posix;
using BlockHost.Posix.Loops;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// One client, from greeting to goodbye, on one event loop: receives, haggles, hands requests to a
/// <see cref="RequestRunner"/> and sends what that answers. Everything here runs on the loop's thread.
/// <code>
///   socket ─► ReceiveBuffer ─► OptionHaggler | RequestRunner ─► SendQueue ─► socket
///                 ▲ stops while too much is in flight or unsent ──┘
/// </code>
/// </summary>
internal sealed partial class NbdConnection : IEventHandler
{
    /// <summary>No request is begun while more than this is unsent: a client that does not read gets no further.</summary>
    private const long MaxUnsent = 1 << 20;

    /// <summary>Replies are sent when this much has gathered, even if more requests are waiting.</summary>
    private const int SendAt = 256 << 10;

    private const int SendEarlyAt = 32 << 10;
    private const int SendEarlyReplies = 8;

    /// <summary>
    /// After this much work (as <see cref="RequestRunner.Work"/> counts it) the loop's other clients get their turn.
    /// </summary>
    private const long WorkPerTurn = 128;

    private readonly NbdServer _server;
    private readonly OptionHaggler _haggler;
    private ReceiveBuffer _input;
    private ReplyBuffer _replies;
    private readonly SendQueue _output = new();
    private readonly ITimer _handshakeLimit;
    private readonly Work _nextTurn;
    private volatile NbdLoop _loop;
    private NbdExport? _export;
    private RequestRunner? _runner;
    private int _fd;
    private long _eventId;
    private EpollEvents _watched;
    private int _repliesUnsent;
    private bool _sendBlocked;
    private bool _yielded;
    private bool _ending;
    private bool _released;

    public NbdConnection(NbdServer server, NbdLoop loop, int fd)
    {
        _server = server;
        _loop = loop;
        _fd = fd;
        _haggler = new OptionHaggler(server, server.OffersTls);
        _input = new ReceiveBuffer(loop.Buffers);
        _replies = new ReplyBuffer(loop.Buffers);
        _nextTurn = new Work(this, connection => connection.TakeNextTurn());
        _handshakeLimit = server.Clock.CreateTimer(
            _ => Loop.Post(new Work(this, connection => connection.HandshakeTooSlow())),
            null,
            NbdServer.HandshakeLimit,
            Timeout.InfiniteTimeSpan);
    }

    /// <summary>Another one once the client has chosen an export that has its own.</summary>
    public NbdLoop Loop => _loop;

    /// <summary>On the loop: greets the client and waits for its answer.</summary>
    public void Start() => Guard(static (connection, _) => connection.Greet(), 0);

    private void Greet()
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
    public void RequestEnd() => Loop.Post(new Work(this, connection => connection.End()));

    public void OnEvents(EpollEvents events) => Guard(static (connection, events) => connection.Handle(events), events);

    private void Handle(EpollEvents events)
    {
        // What is unread is taken first, in the turn that has been asked for.
        if (_fd < 0 || _yielded)
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
        if (_output.Pending >= SendAt
            || (Loop.SendEarly && (_output.Pending >= SendEarlyAt || _repliesUnsent >= SendEarlyReplies)))
            Flush();
    }

    /// <summary>False: the connection has ended.</summary>
    private bool Receive()
    {
        if (_ending || (_watched & EpollEvents.In) == 0)
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
        do
        {
            if (!_ending && _runner is null)
                Haggle();
            if (!Loop.IsCurrent)
                return;
            TakeRequests();
            if (!_sendBlocked)
                Flush();
        }
        while (!_ending && _runner is { WaitsForMemory: true, InFlight: 0 } && _output.Pending == 0);
        if (_ending)
            EndWhenDone();
        else if (_fd >= 0)
            UpdateInterest();
    }

    private void TakeRequests()
    {
        if (_runner is not { } runner)
            return;
        var turnEnds = runner.Work + WorkPerTurn;
        while (!_ending && _output.Pending < MaxUnsent)
        {
            if (runner.Work >= turnEnds)
            {
                Yield();
                return;
            }

            var result = runner.TakeNext();
            if (result == TakeResult.Taken)
                continue;
            if (result == TakeResult.Goodbye)
                End();
            return;
        }
    }

    /// <summary>Goes on once the loop has looked after its other clients.</summary>
    private void Yield()
    {
        if (_yielded)
            return;
        _yielded = true;
        Loop.Post(_nextTurn);
    }

    private void TakeNextTurn()
    {
        _yielded = false;
        if (_fd >= 0 && !_ending)
            Proceed();
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

    private bool WantsInput => !_ending && _output.Pending < MaxUnsent && (_runner is null || _runner.WantsInput);

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
        _export?.Detach(this);
        _server.Closed(this);
    }

    private sealed class Work(NbdConnection connection, Action<NbdConnection> step) : ILoopWork
    {
        public void Run()
        {
            // The client may have moved since this was posted.
            if (!connection.Loop.IsCurrent)
                connection.Loop.Post(this);
            else
                connection.Guard(static (connection, step) => step(connection), step);
        }
    }
}
