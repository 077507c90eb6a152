// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Block;
using BlockHost.Nbd;
using BlockHost.Remote.Requests;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>What a connection belongs to.</summary>
internal interface IConnectionOwner
{
    /// <summary>Guards the owner's state and that of its connections; held for moments only, never over I/O.</summary>
    Lock Gate { get; }

    /// <summary>Under the gate: a request has been answered, so there is room for another.</summary>
    void HasRoom(NbdConnection connection);

    /// <summary>Under the gate: the connection is lost. Its requests follow when it has let go of their buffers.</summary>
    void Lost(NbdConnection connection, BlockException reason);

    /// <summary>Nothing is sent or received any more: the requests that were not answered.</summary>
    void Ended(NbdConnection connection, ref RequestQueue<NbdOperation> unanswered);
}

/// <summary>
/// Requests over one connection, many at once, answered in any order.
/// <code>
///   Add ─► queue ─► sender ─► socket ─► receiver ─► CompletionRunner ─► whoever waits
/// </code>
/// Whoever asks for something sends, unless somebody is just sending; one loop receives.
/// </summary>
internal sealed partial class NbdConnection
{
    /// <summary>Requests in flight. QEMU has 16 at the most; servers that do not want more do not read them.</summary>
    public const int MaxInFlight = 64;

    private readonly IConnectionOwner _owner;
    private readonly Connected _peer;
    private readonly Stream _stream;
    private readonly CompletionRunner<NbdOperation> _completions;
    private readonly NbdOperation?[] _inFlight = new NbdOperation?[MaxInFlight];
    private readonly Stack<int> _freeSlots = new(Enumerable.Range(0, MaxInFlight));
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private uint _sequence;
    private bool _isLost;

    // The receiver, and while there is one, the sender.
    private int _users = 1;

    public NbdConnection(IConnectionOwner owner, Connected peer)
    {
        (_owner, _peer, _stream) = (owner, peer, peer.Stream);
        _completions = new CompletionRunner<NbdOperation>(Flush);
        (_resume, _received) = (ResumeSending, Arrived);
    }

    public NbdSession Session => _peer.Session;

    /// <summary>Completes when the connection is closed and has let go of all requests.</summary>
    public Task WhenEnded => _ended.Task;

    /// <summary>Under the gate.</summary>
    public bool CanAdd => _freeSlots.Count > 0;

    public void Start() => Receive();

    /// <summary>Under the gate: takes a request, which <see cref="Flush"/> sends.</summary>
    public void Add(NbdOperation operation)
    {
        const int sequenceShift = 32;
        var slot = _freeSlots.Pop();
        operation.Cookie = ((ulong)++_sequence << sequenceShift) | (uint)slot;
        operation.BeginTry();
        Volatile.Write(ref _inFlight[slot], operation);
        if (IsLargeRead(operation))
            _largeReads++;
        _unsent.Enqueue(operation);
    }

    /// <summary>From any thread: lets the connection go at once. Does not wait for anything.</summary>
    public void Break(BlockException reason)
    {
        lock (_owner.Gate)
        {
            if (_isLost)
                return;
            _isLost = true;
            _owner.Lost(this, reason);
        }

        try
        {
            // Both loops return from whatever they wait for.
            _peer.Socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The other side was faster.
        }
    }

    /// <summary>Nothing is in flight: says goodbye and closes.</summary>
    public async ValueTask CloseAsync(BlockException reason)
    {
        var goodbye = new byte[Wire.RequestLength];
        new NbdRequest(CommandFlags.None, NbdCommand.Disconnect, 0, 0, 0).Write(goodbye);
        var sending = SayAsync(goodbye);
        // A server that reads no more gets no goodbye; it is not waited for.
        if (sending.IsCompleted)
            await sending.ConfigureAwait(false);
        Break(reason);
        await sending.ConfigureAwait(false);
        await WhenEnded.ConfigureAwait(false);
    }

    private async Task SayAsync(byte[] message)
    {
        try
        {
            await _stream.WriteAsync(message).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // It is gone already.
        }
    }

    /// <summary>The request is sent and answered: its slot is free.</summary>
    private void Release(NbdOperation operation)
    {
        lock (_owner.Gate)
        {
            var slot = (int)(uint)operation.Cookie;
            _inFlight[slot] = null;
            _freeSlots.Push(slot);
            if (IsLargeRead(operation))
                _largeReads--;
            _owner.HasRoom(this);
        }
    }

    /// <summary>One of the loops is over. After the last of them nobody touches a request's buffer any more.</summary>
    private void Leave()
    {
        RequestQueue<NbdOperation> unanswered = default;
        lock (_owner.Gate)
        {
            if (--_users > 0)
                return;
            foreach (var operation in _inFlight.Where(operation => operation is not null).OrderBy(operation => operation!.Cookie))
                unanswered.Enqueue(operation!);
            Array.Clear(_inFlight);
        }

        _peer.Dispose();
        _owner.Ended(this, ref unanswered);
        _ended.SetResult();
    }

    private static bool IsLargeRead(NbdOperation operation) =>
        operation.Command == NbdCommand.Read && operation.Length >= LargeRead;

    private static BlockException Broken(Exception cause) =>
        cause as BlockException
            ?? new BlockException(BlockErrorKind.Io, (cause.InnerException ?? cause).Message, innerException: cause);
}
