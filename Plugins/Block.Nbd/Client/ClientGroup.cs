// SPDX-License-Identifier: MIT
using BlockHost.Nbd;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>
/// The clients of one node, each with a connection. The first is the node's own. A server that says so (NBD_FLAG_CAN_MULTI_CONN)
/// is connected to again when all are so busy that another pays: it carries out only so many requests of a connection at once.
/// <code>
///   request ─► first, while it has fewer than 16 in flight ─► else the least busy that is connected
///                                                               └ are all busy, one more is opened
/// </code>
/// Further connections are a convenience: one that cannot be had, or is lost, leaves its share to the others.
/// </summary>
internal sealed class ClientGroup : IAsyncDisposable
{
    /// <summary>
    /// What servers carry out at once for each connection, as nbdkit's threads; below it another connection gains nothing.
    /// </summary>
    public const int Busy = 16;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    private readonly NbdSettings _settings;
    private readonly TimeProvider _clock;
    private readonly CancellationTokenSource _over = new();
    private NbdClient[] _clients;
    private Task _adding = Task.CompletedTask;
    private int _isAdding;
    private long _lastFailure;
    private bool _hasFailed;

    public ClientGroup(NbdSettings settings, TimeProvider clock)
    {
        (_settings, _clock) = (settings, clock);
        _clients = [new NbdClient(settings, clock)];
    }

    public NbdClient First => _clients[0];

    /// <summary>Throws where a further connection's export is not the first one's.</summary>
    public Action<NbdSession>? CheckSame { get; set; }

    /// <summary>Where the next request goes.</summary>
    public NbdClient Pick()
    {
        var clients = Volatile.Read(ref _clients);
        return clients[0].InFlight < Busy || _settings.MaxConnections == 1 ? clients[0] : PickLeastBusy(clients);
    }

    /// <summary>From any thread at any time: all that is in flight fails, and all that comes. Waits for nothing.</summary>
    public void Yank()
    {
        _ = _over.CancelAsync();
        foreach (var client in Volatile.Read(ref _clients))
            client.Yank();
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync().ConfigureAwait(false);
        // Nobody asks for anything any more, so no further connection is begun.
        await _adding.ConfigureAwait(false);
        foreach (var client in _clients)
            await client.DisposeAsync().ConfigureAwait(false);
        _over.Dispose();
    }

    private NbdClient PickLeastBusy(NbdClient[] clients)
    {
        var least = clients[0];
        foreach (var client in clients.AsSpan(1))
        {
            if (client.IsConnected && client.InFlight < least.InFlight)
                least = client;
        }

        if (least.InFlight >= Busy && clients.Length < _settings.MaxConnections && MayAdd())
            Add();
        return least;
    }

    private bool MayAdd() =>
        (First.Session.Export.Flags & TransmissionFlags.CanMultiConn) != 0
        && First.IsConnected
        && Volatile.Read(ref _isAdding) == 0
        && (!_hasFailed || _clock.GetElapsedTime(Volatile.Read(ref _lastFailure)) > RetryAfter);

    private void Add()
    {
        if (Interlocked.Exchange(ref _isAdding, 1) == 0)
            _adding = Task.Run(AddAsync);
    }

    private async Task AddAsync()
    {
        var client = new NbdClient(_settings with { OpenTimeout = TimeSpan.Zero }, _clock) { OnReconnected = CheckSame };
        try
        {
            await client.OpenAsync(_over.Token).ConfigureAwait(false);
            CheckSame?.Invoke(client.Session);
            Volatile.Write(ref _clients, [.. _clients, client]);
            if (_over.IsCancellationRequested)
                client.Yank();
        }
        catch (Exception)
        {
            // Whatever it was, the node does without: nobody waits for this connection, and closing must not fail by it.
            await client.DisposeAsync().ConfigureAwait(false);
            Volatile.Write(ref _lastFailure, _clock.GetTimestamp());
            _hasFailed = true;
        }
        finally
        {
            Volatile.Write(ref _isAdding, 0);
        }
    }
}
