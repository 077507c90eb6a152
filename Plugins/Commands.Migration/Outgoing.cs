// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Devices;
using BlockHost.Plugins.Commands.Migration.Channels;
using BlockHost.Plugins.Commands.Migration.Streams;
using BlockHost.Plugins.Commands.Migration.Types;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Commands.Migration;

/// <summary>
/// The machine goes to another host. Whatever fails, ends it or is cancelled before the other side has it leaves it here, with
/// its images and as it was.
/// <code>
///   setup ─► active ─► [pre-switchover ─► device] ─► images let go of ─► state, end ─► answer ─► completed, postmigrate
///     │         │             │                             │                 │
///     └─────────┴─────────────┴─────────────────────────────┴─────────────────┴──► images taken back ─► failed, cancelled
/// </code>
/// From the end of the state on the other side may go on with the images: a cancellation comes too late then. Where a yank
/// or a lost connection leaves open whether it does, the images' locks decide: who has them goes on.
/// </summary>
internal sealed class Outgoing : IDisposable
{
    private readonly IPluginHost _host;
    private readonly MigrationSettings _settings;
    private readonly MigrationEvents _events;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _ending = new();
    private readonly TaskCompletionSource _continued = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _began;
    private MigrationChannel? _channel;
    private bool _isCancelled;
    private bool _isSent;
    private long _passes;
    private long _transferred;
    private TimeSpan _setup;
    private TimeSpan _total;
    private TimeSpan? _downtime;

    public Outgoing(IPluginHost host, MigrationSettings settings, MigrationEvents events)
    {
        (_host, _settings, _events) = (host, settings, events);
        _began = host.Clock.GetTimestamp();
    }

    public MigrationStatus Status { get; private set; }

    public string? Error { get; private set; }

    public bool IsUnderWay => Status is MigrationStatus.Setup or MigrationStatus.Active or MigrationStatus.PreSwitchover
        or MigrationStatus.Device or MigrationStatus.Cancelling;

    /// <summary>Completes when it has ended, in whatever way.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    public MigrationInfo Info => new()
    {
        Status = Status,
        ErrorDesc = Status == MigrationStatus.Failed ? Error : null,
        SetupTime = Shows ? (long)_setup.TotalMilliseconds : null,
        TotalTime = Shows ? (long)(IsUnderWay ? _host.Clock.GetElapsedTime(_began) : _total).TotalMilliseconds : null,
        Downtime = Status == MigrationStatus.Completed ? (long)(_downtime ?? default).TotalMilliseconds : null,
        ExpectedDowntime = Shows && IsUnderWay ? (long?)_settings.Parameters.DowntimeLimit : null,
        Ram = Shows ? new MigrationStats { Transferred = _transferred, DirtySyncCount = _passes } : null,
    };

    private bool Shows => Status is MigrationStatus.Active or MigrationStatus.PreSwitchover or MigrationStatus.Device
        or MigrationStatus.Completed;

    /// <summary>Begins; the rest goes on by itself.</summary>
    /// <param name="hostName">Whose certificate the other side has to have; null: that is not known.</param>
    public void Start(Func<CancellationToken, ValueTask<MigrationChannel>> open, string? hostName)
    {
        var yank = _host.Yank.Register(MigrationYank.Instance, Yank);
        Enter(MigrationStatus.Setup);
        Ended = Task.Run(() => RunAsync(open, hostName, yank));
    }

    /// <summary>Nothing could be opened.</summary>
    public void Fail(string? reason) => (Status, Error) = (MigrationStatus.Failed, reason);

    /// <summary>migrate_cancel: of no effect where the other side may go on by now.</summary>
    public void Cancel()
    {
        lock (_lock)
        {
            if (!IsUnderWay || _isSent || _isCancelled)
                return;
            _isCancelled = true;
        }

        Enter(MigrationStatus.Cancelling);
        GiveUp();
    }

    /// <summary>Any thread, no lock that I/O can hold.</summary>
    public void Yank() => GiveUp();

    /// <exception cref="QmpException">It does not wait; QEMU's text.</exception>
    public void Continue(MigrationStatus expected)
    {
        if (Status != expected)
            throw new QmpException($"Migration not in expected state: {MigrationService.Name(Status)}");
        if (expected == MigrationStatus.PreSwitchover)
            _continued.TrySetResult();
    }

    public void Dispose() => _ending.Dispose();

    private void GiveUp()
    {
        Volatile.Read(ref _channel)?.ShutDown();
        _ = _ending.CancelAsync();
    }

    private void Enter(MigrationStatus status)
    {
        Status = status;
        _events.Tell(status);
    }

    private void TellPass() => _events.TellPass(++_passes);

    private async Task RunAsync(
        Func<CancellationToken, ValueTask<MigrationChannel>> open, string? hostName, IDisposable yank)
    {
        var before = _host.Machine.State;
        OutgoingBitmaps? bitmaps = null;
        try
        {
            if (_settings.Has(MigrationCapability.DirtyBitmaps))
                bitmaps = new OutgoingBitmaps(_host.Graph, new BitmapNames(_settings.Parameters.BlockBitmapMapping));
            var security = new ChannelSecurity(_host.Objects, _settings.Parameters);
            var opened = await open(_ending.Token).ConfigureAwait(false);
            var channel = await security.AsClientAsync(opened, hostName, _ending.Token).ConfigureAwait(false);
            Volatile.Write(ref _channel, channel);
            await using var closed = channel.ConfigureAwait(false);
            await MoveAsync(channel, bitmaps).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            bitmaps?.HandOver(false);
            await StayAsync(e, before).ConfigureAwait(false);
        }
        finally
        {
            yank.Dispose();
            bitmaps?.Dispose();
        }
    }

    private async ValueTask MoveAsync(MigrationChannel channel, OutgoingBitmaps? bitmaps)
    {
        var (token, sender) = (_ending.Token, new StateWriter(channel, bitmaps));
        await sender.BeginAsync(token).ConfigureAwait(false);
        _setup = _host.Clock.GetElapsedTime(_began);
        TellPass();
        Enter(MigrationStatus.Active);
        var runState = _host.Machine.State;
        var stopped = _host.Clock.GetTimestamp();
        await _host.Machine.EnterAsync(RunState.FinishMigrate, token).ConfigureAwait(false);
        if (_settings.Has(MigrationCapability.PauseBeforeSwitchover))
        {
            Enter(MigrationStatus.PreSwitchover);
            await _continued.Task.WaitAsync(token).ConfigureAwait(false);
            Enter(MigrationStatus.Device);
        }

        TellPass();
        bitmaps?.HandOver(true);
        await _host.Graph.SetActiveAsync(null, active: false, token).ConfigureAwait(false);
        await sender.WriteStateAsync(MigrationService.Name(runState), _host.Machine.Devices, token).ConfigureAwait(false);
        PassThePointOfNoReturn();
        await sender.EndAsync(token).ConfigureAwait(false);
        _transferred = sender.Written;
        (_downtime, _total) = (_host.Clock.GetElapsedTime(stopped), _host.Clock.GetElapsedTime(_began));
        await _host.Machine.EnterAsync(RunState.PostMigrate, CancellationToken.None).ConfigureAwait(false);
        Enter(MigrationStatus.Completed);
    }

    private void PassThePointOfNoReturn()
    {
        lock (_lock)
        {
            if (_isCancelled)
                throw new OperationCanceledException();
            _isSent = true;
        }
    }

    /// <summary>The machine goes on here, if its images can be had.</summary>
    private async ValueTask StayAsync(Exception cause, RunState before)
    {
        Error = Describe(cause);
        try
        {
            await TakeBackAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is BlockException or IOException)
        {
            // Another process has them, or they cannot be read. Whoever knows better says cont.
            Error = $"{Error}; the images could not be taken back: {e.Message}";
            _host.Loggers.CreateLogger("").LogError("Migration failed: {Error}", Error);
            await _host.Machine.EnterAsync(RunState.PostMigrate, CancellationToken.None).ConfigureAwait(false);
            Enter(MigrationStatus.Failed);
            return;
        }

        if (!_isCancelled)
        {
            _host.Loggers.CreateLogger("").LogWarning("Migration failed: {Error}", Error);
            Enter(MigrationStatus.Failed);
        }

        if (_host.Machine.State == RunState.FinishMigrate)
            await _host.Machine.EnterAsync(before, CancellationToken.None).ConfigureAwait(false);
        if (_isCancelled)
            Enter(MigrationStatus.Cancelled);
    }

    /// <summary>
    /// Where the destination dies its connection may end a moment before its locks: so the images are asked for again for two
    /// seconds. By the system's clock, as a process ends by that.
    /// </summary>
    private async ValueTask TakeBackAsync()
    {
        const int Tries = 40;
        for (var number = 1; ; number++)
        {
            try
            {
                await _host.Graph.TakeOverAsync(CancellationToken.None).ConfigureAwait(false);
                return;
            }
            catch (BlockException) when (number < Tries)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System).ConfigureAwait(false);
            }
        }
    }

    private static string Describe(Exception cause) => cause switch
    {
        OperationCanceledException => "The migration was given up",
        EndOfStreamException => "The destination has closed the connection",
        IOException { InnerException: System.Net.Sockets.SocketException e } => e.Message,
        _ => cause.Message,
    };
}
