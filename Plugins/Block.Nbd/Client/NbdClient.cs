// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Nbd;
using BlockHost.Remote.Requests;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>
/// An export, over as many connections, one after another, as its server makes necessary.
/// <code>
///   Opening ─► Connected ─► lost ─┬─► Waiting: requests wait ──── after reconnect-delay ──┐
///                 ▲               └─► Failing: requests fail ◄────────────────────────────┘
///                 └───────── reconnected ◄──────┘                      yank, close ─► Over: requests fail for ever
/// </code>
/// </summary>
internal sealed partial class NbdClient : IConnectionOwner, IAsyncDisposable
{
    private readonly NbdSettings _settings;
    private readonly TimeProvider _clock;
    private readonly CancellationTokenSource _over = new();
    private readonly ITimer _patience;
    private readonly Stack<NbdOperation> _pool = [];
    private readonly Action<NbdOperation> _giveBack;
    private readonly CompletionRunner<NbdOperation> _failures = new(static () => { });
    private State _state = State.Opening;
    private NbdConnection? _connection;
    private RequestQueue<NbdOperation> _waiting;
    private int _inFlight;
    private BlockException _reason = new(BlockErrorKind.Io, "Not connected");
    private Task _reconnecting = Task.CompletedTask;

    public NbdClient(NbdSettings settings, TimeProvider clock)
    {
        (_settings, _clock, _giveBack) = (settings, clock, GiveBack);
        _patience = clock.CreateTimer(_ => LosePatience(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private enum State
    {
        Opening,
        Connected,
        Waiting,
        Failing,
        Over,
    }

    public Lock Gate { get; } = new();

    /// <summary>Requests that have been asked for and whose answers nobody has taken yet.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    public bool IsConnected => Volatile.Read(ref _connection) is not null;

    /// <summary>What a server that is connected to again must offer at least. Throws where it does not.</summary>
    public Action<NbdSession>? OnReconnected { get; set; }

    /// <summary>What the last connection agreed on.</summary>
    public NbdSession Session { get; private set; } = new(new NbdExportInfo(), false, null);

    public ValueTask RunAsync(NbdCommand command, CommandFlags flags, long offset, long bytes, IoSlice data = default) =>
        Start(command, flags, offset, bytes, data).AsTask();

    /// <summary>The first extent from <paramref name="offset"/> on, in the flags of the session's context.</summary>
    public ValueTask<Extent> GetExtentAsync(long offset, long bytes) =>
        Start(NbdCommand.BlockStatus, CommandFlags.RequestOne, offset, bytes, default).AsExtentTask();

    /// <summary>From any thread at any time: all that is in flight fails, and all that comes. Waits for nothing.</summary>
    public void Yank() =>
        Finish(new BlockException(BlockErrorKind.Yanked, $"The connection to '{_settings.ServerName}' was yanked"))?
            .Break(_reason);

    public async ValueTask DisposeAsync()
    {
        var connection = Finish(new BlockException(BlockErrorKind.ShuttingDown, "The node is closed"));
        if (connection is not null)
            await connection.CloseAsync(_reason).ConfigureAwait(false);
        else if (_lastConnection is { } last)
            await last.WhenEnded.ConfigureAwait(false);
        await _reconnecting.ConfigureAwait(false);
        await _patience.DisposeAsync().ConfigureAwait(false);
        _over.Dispose();
    }

    void IConnectionOwner.HasRoom(NbdConnection connection)
    {
        if (connection == _connection)
            AddWaiting(connection);
    }

    void IConnectionOwner.Lost(NbdConnection connection, BlockException reason)
    {
        if (connection != _connection)
            return;
        _connection = null;
        _reason = new BlockException(
            reason.Kind, $"Lost the connection to '{_settings.ServerName}': {reason.Message}", Errno.EIO);
        _state = _settings.ReconnectDelay > TimeSpan.Zero ? State.Waiting : State.Failing;
        if (_state == State.Waiting)
            _patience.Change(_settings.ReconnectDelay, Timeout.InfiniteTimeSpan);
        _reconnecting = Task.Run(ReconnectAsync);
    }

    void IConnectionOwner.Ended(NbdConnection connection, ref RequestQueue<NbdOperation> unanswered)
    {
        NbdConnection? successor;
        lock (Gate)
        {
            // Where nobody is to wait for the next connection they fail, even if that has been faster than the end of this one.
            if (_state is State.Failing or State.Over || _settings.ReconnectDelay == TimeSpan.Zero)
            {
                Fail(ref unanswered);
                return;
            }

            // They were first.
            unanswered.Append(ref _waiting);
            _waiting = unanswered;
            successor = _connection;
            if (successor is not null)
                AddWaiting(successor);
        }

        successor?.Flush();
    }

    private NbdOperation Start(NbdCommand command, CommandFlags flags, long offset, long bytes, IoSlice data)
    {
        NbdOperation operation;
        NbdConnection? connection = null;
        lock (Gate)
        {
            operation = _pool.TryPop(out var pooled) ? pooled : new NbdOperation(_giveBack);
            _inFlight++;
            operation.Prepare(command, flags, offset, checked((uint)bytes), data);
            if (_state is State.Connected or State.Waiting)
            {
                _waiting.Enqueue(operation);
                connection = _connection;
                if (connection is not null)
                    AddWaiting(connection);
            }
            else
            {
                operation.SetError(Refusal());
                operation.Complete();
            }
        }

        connection?.Flush();
        return operation;
    }

    private void AddWaiting(NbdConnection connection)
    {
        while (connection.CanAdd && _waiting.TryDequeue() is { } operation)
            connection.Add(operation);
    }

    private void GiveBack(NbdOperation operation)
    {
        lock (Gate)
        {
            _inFlight--;
            _pool.Push(operation);
        }
    }

    /// <summary>For good. Returns the connection that there was.</summary>
    private NbdConnection? Finish(BlockException reason)
    {
        NbdConnection? connection;
        lock (Gate)
        {
            if (_state == State.Over)
                return null;
            (_state, _reason) = (State.Over, reason);
            (connection, _connection) = (_connection, null);
            Fail(ref _waiting);
        }

        // Not here: what hears of it may take any time.
        _ = _over.CancelAsync();
        return connection;
    }

    private void LosePatience()
    {
        lock (Gate)
        {
            if (_state != State.Waiting)
                return;
            _state = State.Failing;
            Fail(ref _waiting);
        }
    }

    /// <summary>Under the gate. Whoever awaits them hears of it on a thread of the pool.</summary>
    private void Fail(ref RequestQueue<NbdOperation> operations)
    {
        var failed = default(RequestQueue<NbdOperation>);
        while (operations.TryDequeue() is { } operation)
        {
            operation.SetError(Refusal());
            failed.Enqueue(operation);
        }

        _failures.Run(ref failed);
    }

    // One for each: an exception that is thrown keeps where that was.
    private BlockException Refusal() => new(_reason.Kind, _reason.Message, Errno.EIO, _reason);
}
