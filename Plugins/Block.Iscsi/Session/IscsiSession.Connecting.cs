// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Block;
using BlockHost.Plugins.Block.Iscsi.Naming;
using BlockHost.Plugins.Block.Iscsi.Negotiation;
using BlockHost.Plugins.Block.Iscsi.Scsi;
using BlockHost.Remote;
using BlockHost.Remote.Transfers;

namespace BlockHost.Plugins.Block.Iscsi.Session;

/// <summary>
/// Connecting, and connecting again. A new session with the name of an old one takes its place: the target ends what is left of
/// the old one's commands before it lets the new one in (RFC 7143, section 6.3.5). It can do so among the portals of one group
/// only; behind another group's portal old commands are ended by a reset of the logical unit, where some may be left that change
/// the disk.
/// </summary>
internal sealed partial class IscsiSession
{
    private const int MostRedirections = 4;

    /// <summary>A target that takes the connection and does not log in is tried again after this.</summary>
    private static readonly TimeSpan AttemptLimit = TimeSpan.FromSeconds(15);

    private IscsiConnection? _lastConnection;
    private int _portal;
    private bool _mayChange;

    /// <summary>The first connection, through the first portal that takes it.</summary>
    /// <returns>True: writes are tried, as the target does not say whether there can be any.</returns>
    /// <exception cref="RemoteFault">There is none.</exception>
    /// <exception cref="BlockException">There is no such disk; also where the node is yanked.</exception>
    public async ValueTask<bool> OpenAsync(CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _over.Token);
        var (connection, probe, facts) = await ConnectAsync(either.Token).ConfigureAwait(false);
        Facts = facts;
        await AdoptAsync(connection).ConfigureAwait(false);
        return probe.IsAssumedWritable;
    }

    private async Task ReconnectAsync()
    {
        for (var backoff = new Backoff(); ; backoff.Lengthen())
        {
            try
            {
                if (await TryReconnectAsync().ConfigureAwait(false))
                    return;
                await Task.Delay(backoff.Pause, _clock, _over.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    /// <exception cref="OperationCanceledException">It is over.</exception>
    private async Task<bool> TryReconnectAsync()
    {
        using var limit = new CancellationTokenSource(AttemptLimit, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _over.Token);
        try
        {
            // The old one's loops have let go of their commands, so that these come first.
            await _lastConnection!.WhenEnded.WaitAsync(either.Token).ConfigureAwait(false);
            var (connection, _, facts) = await ConnectAsync(either.Token).ConfigureAwait(false);
            await CheckAsync(connection, facts).ConfigureAwait(false);
            await AdoptAsync(connection).ConfigureAwait(false);
            RemoteLog.Recovered(_logger);
            if (facts.Capacity != Facts.Capacity)
                OnResized?.Invoke();
            return true;
        }
        catch (IOException e)
        {
            // The last reason is the one that helps.
            lock (Gate)
            {
                if (_state != State.Over)
                    _reason = new BlockException(BlockErrorKind.Io, e.Message, innerException: e);
            }

            return false;
        }
        catch (OperationCanceledException) when (!_over.IsCancellationRequested)
        {
            return false;
        }
    }

    private async ValueTask CheckAsync(IscsiConnection connection, LunFacts facts)
    {
        try
        {
            var isSame = facts.Identity.AsSpan().SequenceEqual(Facts.Identity)
                && facts.Capacity.BlockSize == Facts.Capacity.BlockSize;
            if (!isSame)
                throw new BlockException(BlockErrorKind.Io, $"'{connection.Address}' has another disk now");
            var isSameGroup = connection.PortalGroup is { } group && group == _lastConnection!.PortalGroup;
            if (_mayChange && !isSameGroup)
                await connection.ResetLunAsync().ConfigureAwait(false);
            _mayChange = false;
        }
        catch (BlockException e)
        {
            connection.Break(e);
            await connection.WhenEnded.ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>All portals, from the one that served last; what the last of them had to say counts.</summary>
    private async ValueTask<(IscsiConnection Connection, LunProbe Probe, LunFacts Facts)> ConnectAsync(
        CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            var portal = _settings.Portals[_portal];
            try
            {
                var connection = await LogInAsync(portal, cancellationToken).ConfigureAwait(false);
                return await ProbeAsync(connection, cancellationToken).ConfigureAwait(false);
            }
            catch (IOException) when (tries < _settings.Portals.Count && !cancellationToken.IsCancellationRequested)
            {
                _portal = (_portal + 1) % _settings.Portals.Count;
            }
        }
    }

    private async ValueTask<IscsiConnection> LogInAsync(Portal portal, CancellationToken cancellationToken)
    {
        for (var redirections = 0; ; redirections++)
        {
            var socket = await Dialler.ConnectAsync(portal.Host, portal.Port, cancellationToken).ConfigureAwait(false);
            try
            {
                var login = await new LoginExchange(socket, _settings).RunAsync(cancellationToken).ConfigureAwait(false);
                return new IscsiConnection(this, login, _settings.Lun, portal.ToString(), _clock);
            }
            catch (TargetMoved moved)
            {
                socket.Dispose();
                if (redirections == MostRedirections)
                    throw new RemoteFault("Failed to log in to target. It moves on and on");
                portal = Portal.Parse(moved.Address)
                    ?? throw new RemoteFault("Failed to log in to target. It has moved to an address that is none");
            }
            catch (Exception e)
            {
                socket.Dispose();
                if (e is IOException { InnerException: SocketException lost } and not RemoteFault)
                    throw new RemoteFault($"Failed to log in to target. {lost.Message}", mayPass: true, e);
                throw;
            }
        }
    }

    private async ValueTask<(IscsiConnection Connection, LunProbe Probe, LunFacts Facts)> ProbeAsync(
        IscsiConnection connection, CancellationToken cancellationToken)
    {
        connection.Start();
        try
        {
            using var cut = cancellationToken.Register(
                () => connection.Break(new BlockException(BlockErrorKind.Io, "The target does not answer", Errno.ETIMEDOUT)));
            var probe = new LunProbe(
                (command, answer) => AskBareAsync(connection, command, answer),
                tries => Task.Delay(BusyPause(tries), _clock, cancellationToken));
            return (connection, probe, await probe.RunAsync().ConfigureAwait(false));
        }
        catch (Exception e)
        {
            connection.Break(e as BlockException ?? new BlockException(BlockErrorKind.Io, e.Message));
            await connection.WhenEnded.ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            throw;
        }
    }

    private ValueTask<ScsiResult> AskBareAsync(IscsiConnection connection, Cdb command, Memory<byte> answer)
    {
        ScsiTask task;
        lock (Gate)
            task = Rent();
        task.Prepare(TaskKind.Bare, command, answer, sendsData: false, block: 0, isDurable: false);
        connection.AddBare(task);
        return task.AsResultTask();
    }

    private async ValueTask AdoptAsync(IscsiConnection connection)
    {
        var wasFaster = false;
        lock (Gate)
        {
            wasFaster = _state == State.Over || connection.IsLost;
            if (!wasFaster)
            {
                (_state, _connection, _lastConnection) = (State.Connected, connection, connection);
                AddWaiting(connection);
            }
        }

        if (wasFaster)
        {
            connection.Break(Refusal());
            await connection.WhenEnded.ConfigureAwait(false);
            throw connection.Refusal();
        }

        _patience.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        var tick = _settings.CommandTimeout / 2;
        if (tick == TimeSpan.Zero || tick > IscsiConnection.PingInterval)
            tick = IscsiConnection.PingInterval;
        _ticks.Change(tick, tick);
        connection.Flush();
    }
}
