// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Objects;
using BlockHost.Plugins.Export.Nbd.Protocol;
using BlockHost.Posix;
using BlockHost.Posix.Loops;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>A running server: listeners, event loops, clients, and the exports they can choose.</summary>
internal sealed class NbdServer : IExportDirectory, IAsyncDisposable
{
    /// <summary>A client that has not chosen an export by then is disconnected.</summary>
    public static readonly TimeSpan HandshakeLimit = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A new server's first export follows at once: clients that are faster than that are let in only then, rather than
    /// told that the export does not exist.
    /// </summary>
    private static readonly TimeSpan FirstExportLimit = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly List<NbdExport> _exports = [];
    private readonly HashSet<NbdConnection> _clients = [];
    private readonly LoopGroup<NbdLoop> _loops;
    private readonly ListenerSet _listeners;
    private readonly TlsUpgrade? _tls;
    private readonly ITimer _firstExport;
    private readonly Task _started;
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _stopping;
    private bool _disposed;

    /// <param name="started">Clients wait until then: more than one export can belong to a daemon's start.</param>
    public NbdServer(
        ListenerSet listeners, int maxConnections, TlsUpgrade? tls, TimeProvider clock, MemoryBudget memory, Task? started = null)
    {
        MaxConnections = maxConnections;
        Clock = clock;
        _tls = tls;
        _started = started ?? Task.CompletedTask;
        _loops = new LoopGroup<NbdLoop>("nbd", (cpus, name, thread) => new NbdLoop(cpus, name, clock, memory, thread));
        _listeners = listeners;
        listeners.Start(_loops.First, Accepted);
        _firstExport = clock.CreateTimer(_ => listeners.Open(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _ = OpenWhenStartedAsync();
    }

    /// <summary>0: any number.</summary>
    public int MaxConnections { get; }

    public TimeProvider Clock { get; }

    public ILogger Log { get; init; } = NullLogger.Instance;

    /// <summary>Loops that exports ask for by name.</summary>
    public LoopGroup<NbdLoop> Loops => _loops;

    public bool OffersTls => _tls is not null;

    /// <summary>Where the server can be reached, for messages and tests.</summary>
    public IReadOnlyList<string> Addresses => _listeners.Addresses;

    public int ClientCount
    {
        get
        {
            lock (_gate)
                return _clients.Count;
        }
    }

    IReadOnlyList<INegotiableExport> IExportDirectory.List()
    {
        lock (_gate)
            return [.. _exports];
    }

    public bool TryFind(string name, [NotNullWhen(true)] out INegotiableExport? export)
    {
        lock (_gate)
            export = _exports.Find(e => e.Name == name);
        return export is not null;
    }

    /// <summary>False: the name is taken.</summary>
    public bool TryAdd(NbdExport export)
    {
        lock (_gate)
        {
            if (_exports.Exists(e => e.Name == export.Name))
                return false;
            _exports.Add(export);
        }

        if (_started.IsCompleted)
            Open();
        return true;
    }

    public void Remove(NbdExport export)
    {
        lock (_gate)
            _exports.Remove(export);
    }

    /// <summary>Takes over a socket; the resume callback gets a plain one in its place, or -1.</summary>
    public Task UpgradeAsync(int fd, Action<int> resume) => _tls!.RunAsync(fd, HandshakeLimit, resume);

    /// <summary>From its loop: a client is gone.</summary>
    public void Closed(NbdConnection client)
    {
        client.Loop.RemoveUser();
        lock (_gate)
        {
            _clients.Remove(client);
            if (_stopping && _clients.Count == 0)
                _empty.TrySetResult();
        }

        _listeners.Resume();
    }

    /// <summary>Stops listening, ends all clients in order, and the loops with them.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true))
            return;
        await _firstExport.DisposeAsync().ConfigureAwait(false);
        await _listeners.StopAsync().ConfigureAwait(false);
        NbdConnection[] clients;
        lock (_gate)
        {
            _stopping = true;
            clients = [.. _clients];
            if (clients.Length == 0)
                _empty.TrySetResult();
        }

        foreach (var client in clients)
            client.RequestEnd();
        await _empty.Task.ConfigureAwait(false);
        await Task.Run(_loops.Dispose).ConfigureAwait(false);
        if (_tls is not null)
            await _tls.DisposeAsync().ConfigureAwait(false);
    }

    private async Task OpenWhenStartedAsync()
    {
        await _started.ConfigureAwait(false);
        if (_disposed)
            return;
        if (((IExportDirectory)this).List().Count > 0)
            Open();
        else
            _firstExport.Change(FirstExportLimit, Timeout.InfiniteTimeSpan);
    }

    private void Open()
    {
        _firstExport.Dispose();
        _listeners.Open();
    }

    /// <summary>On the first loop. False: no more clients for now.</summary>
    private bool Accepted(int fd)
    {
        var loop = _loops.LeastLoaded();
        var client = new NbdConnection(this, loop, fd);
        bool room;
        lock (_gate)
        {
            if (_stopping)
            {
                _ = Libc.close(fd);
                return false;
            }

            _clients.Add(client);
            room = MaxConnections == 0 || _clients.Count < MaxConnections;
        }

        loop.AddUser();
        loop.Post(new StartWork(client));
        return room;
    }

    private sealed class StartWork(NbdConnection client) : ILoopWork
    {
        public void Run() => client.Start();
    }
}
