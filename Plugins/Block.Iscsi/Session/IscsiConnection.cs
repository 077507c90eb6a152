// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Block;
using BlockHost.Plugins.Block.Iscsi.Negotiation;
using BlockHost.Plugins.Block.Iscsi.Protocol;
using BlockHost.Plugins.Block.Iscsi.Scsi;
using BlockHost.Remote.Requests;

namespace BlockHost.Plugins.Block.Iscsi.Session;

/// <summary>What a connection belongs to.</summary>
internal interface IConnectionOwner
{
    /// <summary>Guards the owner's state and that of its connections; held for moments only, never over I/O.</summary>
    Lock Gate { get; }

    /// <summary>Under the gate: a command has been answered, so there is room for another.</summary>
    void HasRoom(IscsiConnection connection);

    /// <summary>Under the gate: the connection is lost. Its commands follow when it has let go of their buffers.</summary>
    void Lost(IscsiConnection connection, BlockException reason);

    /// <summary>A command is answered and off the connection. True: it is over, and whoever awaits it goes on.</summary>
    bool Settle(IscsiConnection connection, ScsiTask task);

    /// <summary>The target says something of the disk without having been asked.</summary>
    void Noticed(Sense sense);

    /// <summary>Nothing is sent or received any more: the commands that were not answered.</summary>
    void Ended(IscsiConnection connection, ref RequestQueue<ScsiTask> unanswered);
}

/// <summary>
/// Commands over one connection in full feature phase, many at once (RFC 7143).
/// <code>
///   Add ─► unsent ─► sender ─► socket ─► receiver ─► CompletionRunner ─► whoever waits
///                      ▲                    │
///                      └── asked for data ◄─┘ R2T
/// </code>
/// Whoever asks for something sends, unless somebody is just sending; one loop receives.
/// </summary>
internal sealed partial class IscsiConnection
{
    /// <summary>Commands in flight; the target's window may be narrower.</summary>
    public const int MaxInFlight = 128;

    private const uint SlotMask = MaxInFlight - 1;

    /// <summary>Tags of this side's own requests, which no command has.</summary>
    private const uint OwnTags = 0x80000000;

    private readonly IConnectionOwner _owner;
    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private readonly Agreement _agreement;
    private readonly int _lun;
    private readonly TimeProvider _clock;
    private readonly CompletionRunner<ScsiTask> _completions;
    private readonly ScsiTask?[] _inFlight = new ScsiTask?[MaxInFlight];
    private readonly Stack<int> _freeSlots = new(Enumerable.Range(0, MaxInFlight));
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private uint _sequence;
    private bool _isLost;
    private BlockException? _reason;

    // The receiver, and while there is one, the sender.
    private int _users = 1;

    public IscsiConnection(IConnectionOwner owner, LoggedIn login, int lun, string address, TimeProvider clock)
    {
        (_owner, _socket, _agreement, _lun, _clock) = (owner, login.Socket, login.Agreement, lun, clock);
        (_statSn, _commandSn, _maxCommandSn) = (login.StatSn, login.CommandSn, login.MaxCommandSn);
        Address = address;
        _stream = new NetworkStream(_socket, ownsSocket: true);
        _completions = new CompletionRunner<ScsiTask>(Flush);
        (_resume, _received) = (ResumeSending, Arrived);
        _heard = _pinged = clock.GetTimestamp();
    }

    /// <summary>The portal's.</summary>
    public string Address { get; }

    public string? PortalGroup => _agreement.PortalGroup;

    public bool IsLost => Volatile.Read(ref _isLost);

    /// <summary>Completes when the connection is closed and has let go of all commands.</summary>
    public Task WhenEnded => _ended.Task;

    /// <summary>Under the gate.</summary>
    public bool CanAdd => _freeSlots.Count > 0;

    /// <summary>Under the gate: the target may be at work on a command that changes the disk.</summary>
    public bool HasChanges => _inFlight.Any(task => task is { IsSent: true, IsAnswered: false, Changes: true });

    /// <summary>Why it was lost; one for each who hears of it.</summary>
    public BlockException Refusal() => new(_reason!.Kind, _reason.Message, _reason.Errno, _reason);

    public void Start() => Receive();

    /// <summary>Under the gate: takes a command, which <see cref="Flush"/> sends.</summary>
    public void Add(ScsiTask task)
    {
        var now = _clock.GetTimestamp();
        if (_freeSlots.Count == MaxInFlight)
            _busySince = now;
        var slot = _freeSlots.Pop();
        task.BeginTry(((_sequence++ * MaxInFlight) | (uint)slot) & ~OwnTags, now);
        Volatile.Write(ref _inFlight[slot], task);
        if (IsLargeRead(task))
            _largeReads++;
        _unsent.Enqueue(task);
    }

    /// <summary>A command of its own, before the connection is anybody's.</summary>
    /// <exception cref="BlockException">The connection is lost.</exception>
    public void AddBare(ScsiTask task)
    {
        lock (_owner.Gate)
        {
            if (_isLost)
                throw Refusal();
            Add(task);
        }

        Flush();
    }

    /// <summary>From any thread: lets the connection go at once. Does not wait for anything.</summary>
    public void Break(BlockException reason)
    {
        lock (_owner.Gate)
        {
            if (_isLost)
                return;
            (_isLost, _reason) = (true, reason);
            _owner.Lost(this, reason);
        }

        _ownRequest?.TrySetException(reason);
        try
        {
            // Both loops return from whatever they wait for.
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The other side was faster.
        }
    }

    /// <summary>A part of a command is over; with its last one, the command is.</summary>
    private bool EndPart(ScsiTask task)
    {
        if (!task.EndPart())
            return false;
        lock (_owner.Gate)
        {
            var slot = (int)(task.Tag & SlotMask);
            _inFlight[slot] = null;
            _freeSlots.Push(slot);
            if (IsLargeRead(task))
                _largeReads--;
            _owner.HasRoom(this);
        }

        return _owner.Settle(this, task);
    }

    /// <summary>One of the loops is over. After the last of them nobody touches a command's buffer any more.</summary>
    private void Leave()
    {
        RequestQueue<ScsiTask> unanswered = default;
        lock (_owner.Gate)
        {
            if (--_users > 0)
                return;
            // In the order in which they were asked for.
            foreach (var task in _inFlight.Where(task => task is not null).OrderBy(task => task!.Tag))
                unanswered.Enqueue(task!);
            Array.Clear(_inFlight);
        }

        _stream.Dispose();
        _owner.Ended(this, ref unanswered);
        _ended.SetResult();
    }

    private static bool IsLargeRead(ScsiTask task) => !task.SendsData && task.Data.Length >= LargeRead;

    private static BlockException Broken(Exception cause) =>
        cause as BlockException
            ?? new BlockException(BlockErrorKind.Io, (cause.InnerException ?? cause).Message, innerException: cause);

    /// <summary>A target that sends this is not understood any further: the connection ends.</summary>
    private static BlockException Malformed(string what) =>
        new(BlockErrorKind.Io, $"The target's protocol makes no sense: {what}");
}
