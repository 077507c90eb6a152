// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.Json;
using BlockHost.Chardevs;
using BlockHost.Core.Chardevs;
using BlockHost.Core.Chardevs.Mux;
using BlockHost.Core.Logging;
using BlockHost.Core.Qapi;
using BlockHost.Core.Qmp.Commands;
using BlockHost.Core.Qmp.Sessions;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Qmp;

/// <summary>The monitors: each serves the clients of one character device.</summary>
public sealed class Monitors : IAsyncDisposable
{
    private static readonly TimeSpan RetryTime = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stopAccepting = new();
    private readonly CancellationTokenSource _interruptCommands = new();
    private readonly ConcurrentDictionary<MonitorSession, Task> _sessions = [];
    private readonly ConcurrentBag<Task> _listeners = [];
    private readonly ConcurrentDictionary<Chardev, bool> _taken = [];
    private readonly MonitorServices _services;
    private readonly ILogger _log;
    private TaskCompletionSource? _held;
    private int _numbers;

    public Monitors(IQmpDispatcher dispatcher, IPluginHost host, MonitorEvents events, MonitorLimits limits, TimeProvider clock)
    {
        _log = host.Loggers.CreateLogger(LogCategories.Monitor);
        _services = new MonitorServices(dispatcher, host, events, limits, clock) { Stopping = _interruptCommands.Token };
    }

    /// <summary>Clients connected now.</summary>
    public int SessionCount => _sessions.Count;

    /// <summary>Unfinished and queued input of all clients, beyond what each may hold freely.</summary>
    public long InputHeld => _services.InputBudget.Held;

    /// <summary>
    /// Clients can connect but are not greeted until the result is disposed: while a daemon still opens what its command
    /// line names, nobody is told that a node does not exist.
    /// </summary>
    public IDisposable Hold()
    {
        var held = _held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return new Release(held);
    }

    /// <summary>Starts the monitor of a <c>--monitor</c> argument.</summary>
    /// <exception cref="QmpException">With the text that follows the option on QEMU's command line.</exception>
    public async ValueTask AddAsync(string argument, QapiInput input, ChardevTable chardevs, CancellationToken cancellationToken)
    {
        var json = await input.ParseAsync(
            MonitorJson.Default.MonitorOptions, argument, "chardev", cancellationToken).ConfigureAwait(false);
        var options = json.Deserialize(MonitorJson.Default.MonitorOptions)!;
        var device = chardevs.Find(options.Chardev);
        if (options.Mode == MonitorMode.Readline)
            throw new QmpException("Only QMP is supported");
        var own = device is MuxChardev mux ? mux.AddFrontend() : device;
        if (own == device && chardevs.IsTaken(device))
            throw new QmpException($"Device '{device.Id}' is in use");
        Add(own, options.Id, options.Pretty ?? false);
        chardevs.Take(device);
    }

    /// <summary>Starts a monitor on a device that has been opened.</summary>
    /// <exception cref="QmpException">The device has another frontend.</exception>
    public void Add(Chardev device, string? id = null, bool pretty = false)
    {
        if (!_taken.TryAdd(device, true))
            throw new QmpException($"Device '{device.Id}' is in use");
        _listeners.Add(AcceptAsync(device, id ?? $"compat_monitor{Interlocked.Increment(ref _numbers) - 1}", pretty));
    }

    /// <summary>
    /// Ends all monitors: no new clients and requests; the answers of running commands are sent first.
    /// </summary>
    /// <param name="patience">After this long, running commands are interrupted.</param>
    public async Task StopAsync(TimeSpan patience)
    {
        await _stopAccepting.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_listeners).ConfigureAwait(false);
        foreach (var session in _sessions.Keys)
            session.StopReading();
        var all = Task.WhenAll(_sessions.Values);
        if (await Task.WhenAny(all, Task.Delay(patience, _services.Clock)).ConfigureAwait(false) != all)
            await _interruptCommands.CancelAsync().ConfigureAwait(false);
        await all.WaitAsync(patience, _services.Clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
        _services.Garbage.Dispose();
        _stopAccepting.Dispose();
        _interruptCommands.Dispose();
    }

    private async Task AcceptAsync(Chardev device, string id, bool pretty)
    {
        var places = new SemaphoreSlim(device.MaxConnections);
        try
        {
            if (_held is { } held)
                await held.Task.WaitAsync(_stopAccepting.Token).ConfigureAwait(false);
            while (true)
            {
                await places.WaitAsync(_stopAccepting.Token).ConfigureAwait(false);
                if (await NextAsync(device, id).ConfigureAwait(false) is not { } stream)
                    return;
                _ = ServeAndLeaveAsync(stream, id, pretty, places);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The host ends.
        }
    }

    /// <summary>One client that cannot be had (no free descriptor, credentials deleted) is not the end of the monitor.</summary>
    private async ValueTask<Stream?> NextAsync(Chardev device, string id)
    {
        while (true)
        {
            try
            {
                return await device.AcceptAsync(_stopAccepting.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or QmpException)
            {
                _log.MonitorRetries(id, e.Message);
                await Task.Delay(RetryTime, _services.Clock, _stopAccepting.Token).ConfigureAwait(false);
            }
        }
    }

    private async Task ServeAndLeaveAsync(Stream stream, string id, bool pretty, SemaphoreSlim places)
    {
        try
        {
            await ServeAsync(stream, id, pretty).ConfigureAwait(false);
        }
        finally
        {
            places.Release();
        }
    }

    private sealed class Release(TaskCompletionSource held) : IDisposable
    {
        public void Dispose() => held.TrySetResult();
    }

    private async Task ServeAsync(Stream stream, string id, bool pretty)
    {
        var session = new MonitorSession(_services, id, stream, pretty);
        await using (session.ConfigureAwait(false))
        {
            var run = session.RunAsync(_services.Stopping);
            _sessions[session] = run;
            _log.MonitorConnected(id);
            await run.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (run.Exception is { } fault)
                _log.MonitorDropped(fault, id);
            else
                _log.MonitorGone(id);
            _sessions.TryRemove(session, out _);
        }
    }
}
