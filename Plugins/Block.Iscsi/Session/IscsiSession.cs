// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Iscsi.Scsi;
using BlockHost.Remote;
using BlockHost.Remote.Requests;
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Block.Iscsi.Session;

/// <summary>
/// A logical unit, over as many connections, one after another, as its target makes necessary.
/// <code>
///   Opening ─► Connected ─► lost ─┬─► Waiting: commands wait ──── after the retry time ───┐
///                 ▲               └─► Failing: commands fail ◄────────────────────────────┘
///                 └───────── reconnected ◄──────┘                      yank, close ─► Over: commands fail for ever
/// </code>
/// <para>
/// Commands that were in flight when a connection was lost are sent again over the next one. For reads that is right because they
/// change nothing; for writes, zeroes and unmapped ranges because they say what a range is to hold, and not how it is to change:
/// it does no harm if the target has carried one out already. Two things could make it wrong. An old copy could be carried out
/// late, over what came afterwards: so the target has ended the old session first (see Connecting). And what the target had taken
/// and not flushed may be gone with it: so the next flush fails then.
/// </para>
/// </summary>
internal sealed partial class IscsiSession : IConnectionOwner, IAsyncDisposable
{
    private readonly SessionSettings _settings;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _over = new();
    private readonly ITimer _patience;
    private readonly ITimer _ticks;
    private readonly Stack<ScsiTask> _pool = [];
    private readonly Action<ScsiTask> _giveBack;
    private readonly CompletionRunner<ScsiTask> _failures = new(static () => { });
    private readonly UnflushedWrites _unflushed = new();
    private State _state = State.Opening;
    private IscsiConnection? _connection;
    private RequestQueue<ScsiTask> _waiting;
    private BlockException _reason = new(BlockErrorKind.Io, "Not connected");
    private Task _reconnecting = Task.CompletedTask;

    public IscsiSession(SessionSettings settings, TimeProvider clock, ILogger logger)
    {
        (_settings, _clock, _logger, _giveBack) = (settings, clock, logger, GiveBack);
        _patience = clock.CreateTimer(_ => LosePatience(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _ticks = clock.CreateTimer(_ => Tick(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
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

    /// <summary>The disk may have another size now. Called from any thread; does not wait.</summary>
    public Action? OnResized { get; set; }

    /// <summary>What the disk said of itself when it was opened.</summary>
    public LunFacts Facts { get; private set; } = null!;

    /// <summary>A command that fails with an exception where it fails.</summary>
    public ValueTask RunAsync(TaskKind kind, Cdb command, IoSlice data, bool sendsData, long block, bool isDurable = false) =>
        Start(kind, command, data, sendsData, block, isDurable).AsTask();

    /// <summary>A command that comes back with however it ended; only without a connection it fails with an exception.</summary>
    public ValueTask<ScsiResult> AskAsync(
        TaskKind kind, Cdb command, IoSlice data, bool sendsData, long block, TimeSpan? timeout = null) =>
        Start(kind, command, data, sendsData, block, isDurable: false, timeout).AsResultTask();

    /// <exception cref="BlockException">It failed, or what was written before may be lost.</exception>
    public async ValueTask FlushAsync()
    {
        var written = _unflushed.Count;
        var result = await AskAsync(TaskKind.Flush, Cdb.SynchronizeCache, default, false, 0).ConfigureAwait(false);
        // Without a cache there may be no command to empty it.
        var isNeedless = !Facts.HasWriteCache && result.Status == ScsiStatus.CheckCondition
            && Sense.Parse(result.Sense.Span) is { Code: Sense.InvalidOperationCode };
        if (!result.IsGood && !isNeedless)
            throw CommandFaults.Of("SYNCHRONIZECACHE10", null, result);
        if (!_unflushed.Flushed(written))
            throw new BlockException(
                BlockErrorKind.Io, "The connection was lost before data was flushed: the target may not have kept it");
    }

    /// <summary>From any thread at any time: all that is in flight fails, and all that comes. Waits for nothing.</summary>
    public void Yank() =>
        Finish(new BlockException(BlockErrorKind.Yanked, $"The connection to '{_settings.Portals[0]}' was yanked"))?
            .Break(_reason);

    public async ValueTask DisposeAsync()
    {
        var connection = Finish(new BlockException(BlockErrorKind.ShuttingDown, "The node is closed"));
        await _ticks.DisposeAsync().ConfigureAwait(false);
        if (connection is not null)
            await connection.CloseAsync(_reason).ConfigureAwait(false);
        else if (_lastConnection is { } last)
            await last.WhenEnded.ConfigureAwait(false);
        await _reconnecting.ConfigureAwait(false);
        await _patience.DisposeAsync().ConfigureAwait(false);
        _over.Dispose();
    }

    void IConnectionOwner.HasRoom(IscsiConnection connection)
    {
        if (connection == _connection)
            AddWaiting(connection);
    }

    void IConnectionOwner.Lost(IscsiConnection connection, BlockException reason)
    {
        if (connection != _connection)
            return;
        _connection = null;
        _mayChange |= connection.HasChanges;
        if (Facts.HasWriteCache)
            _unflushed.ConnectionLost();
        _reason = new BlockException(
            reason.Kind, $"Lost the connection to '{connection.Address}': {reason.Message}", Errno.EIO);
        RemoteLog.Troubled(_logger, reason.Message);
        _state = _settings.RetryTime > TimeSpan.Zero ? State.Waiting : State.Failing;
        if (_state == State.Waiting)
            _patience.Change(_settings.RetryTime, Timeout.InfiniteTimeSpan);
        _reconnecting = Task.Run(ReconnectAsync);
    }

    void IConnectionOwner.Ended(IscsiConnection connection, ref RequestQueue<ScsiTask> unanswered)
    {
        IscsiConnection? successor;
        lock (Gate)
        {
            var (again, lost) = Sort(ref unanswered, connection);
            Fail(ref lost);
            if (_state is State.Failing or State.Over)
            {
                Fail(ref again);
                return;
            }

            // They were first.
            again.Append(ref _waiting);
            _waiting = again;
            successor = _connection;
            if (successor is not null)
                AddWaiting(successor);
        }

        successor?.Flush();
    }

    /// <summary>Under the gate: commands that go to the next connection, and those that do not.</summary>
    private (RequestQueue<ScsiTask> Again, RequestQueue<ScsiTask> Lost) Sort(
        ref RequestQueue<ScsiTask> unanswered, IscsiConnection connection)
    {
        // A connection that each time ends with the same command may end because of it.
        const int mostLosses = 8;
        RequestQueue<ScsiTask> again = default, lost = default;
        while (unanswered.TryDequeue() is { } task)
        {
            var isAlone = task.IsBare || (task.Kind == TaskKind.Passed && task.IsSent);
            if (isAlone)
                task.SetError(connection.Refusal());
            var goesOn = !isAlone && ++task.Losses < mostLosses;
            if (goesOn)
                again.Enqueue(task);
            else
                lost.Enqueue(task);
        }

        return (again, lost);
    }

    private ScsiTask Start(
        TaskKind kind, Cdb command, IoSlice data, bool sendsData, long block, bool isDurable, TimeSpan? timeout = null)
    {
        ScsiTask task;
        IscsiConnection? connection;
        lock (Gate)
        {
            task = Rent();
            task.Prepare(kind, command, data, sendsData, block, isDurable, timeout);
            connection = Enqueue(task);
        }

        connection?.Flush();
        return task;
    }

    /// <summary>Under the gate: to where commands wait for room or a connection.</summary>
    private IscsiConnection? Enqueue(ScsiTask task)
    {
        if (_state is State.Connected or State.Waiting)
        {
            _waiting.Enqueue(task);
            if (_connection is { } connection)
                AddWaiting(connection);
            return _connection;
        }

        var failed = default(RequestQueue<ScsiTask>);
        failed.Enqueue(task);
        Fail(ref failed);
        return null;
    }

    private void AddWaiting(IscsiConnection connection)
    {
        while (connection.CanAdd && _waiting.TryDequeue() is { } task)
            connection.Add(task);
    }

    private ScsiTask Rent() => _pool.TryPop(out var pooled) ? pooled : new ScsiTask(_giveBack);

    private void GiveBack(ScsiTask task)
    {
        lock (Gate)
            _pool.Push(task);
    }

    private void Tick() => Volatile.Read(ref _connection)?.Tick(_settings.CommandTimeout, _settings.LimitsFlushes);

    /// <summary>For good. Returns the connection that there was.</summary>
    private IscsiConnection? Finish(BlockException reason)
    {
        IscsiConnection? connection;
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
    private void Fail(ref RequestQueue<ScsiTask> tasks)
    {
        var failed = default(RequestQueue<ScsiTask>);
        while (tasks.TryDequeue() is { } task)
        {
            if (!task.HasFailed)
                task.SetError(Refusal());
            failed.Enqueue(task);
        }

        _failures.Run(ref failed);
    }

    // One for each: an exception that is thrown keeps where that was.
    private BlockException Refusal() => new(_reason.Kind, _reason.Message, Errno.EIO, _reason);
}
