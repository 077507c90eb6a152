// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Qmp;
using BlockHost.Devices;
using BlockHost.Qmp;

namespace BlockHost.Core.Machine;

/// <summary>
/// The machine's run state and devices. With no device there is still a machine: exports go on while it is stopped, as they are
/// no part of it.
/// <code>
///                    ┌──── stop ────┐                          ┌─── failed, cancelled: as before ───┐
///   prelaunch ─cont─► running ◄─cont─ paused      any of them ─┴─ migrate ─► finish-migrate ────────┤
///        ▲            (reset: stays)    │                                                           ▼
///        └──────────── reset ───────────┘         inmigrate ─ state has come ─► running     postmigrate ─cont─► running
/// </code>
/// </summary>
public sealed class MachineState(IBlockGraph graph, IQmpEvents events) : IMachine
{
    private readonly SemaphoreSlim _changing = new(1);
    private readonly Lock _lock = new();
    private ImmutableList<MachineDevice> _devices = [];
    private volatile RunState _state = RunState.Running;
    private volatile bool _startsWhenLoaded = true;

    public RunState State => _state;

    public bool IsRunning => _state == RunState.Running;

    public bool StartsWhenLoaded => _startsWhenLoaded;

    public IReadOnlyList<MachineDevice> Devices => _devices;

    internal QmpSignal Stopped { get; } = new("STOP");

    internal QmpSignal Resumed { get; } = new("RESUME");

    internal QmpEvent<ResetData> WasReset { get; } = new("RESET", () => MachineJson.Default.ResetData);

    /// <summary>"-S": the machine waits for cont, also when its state has come.</summary>
    public void WaitForStart()
    {
        _startsWhenLoaded = false;
        if (IsRunning)
            _state = RunState.Prelaunch;
    }

    /// <summary>"--incoming": the machine waits for its state.</summary>
    public void WaitForState() => _state = RunState.InMigrate;

    public IDisposable AddDevice(string id, Device device)
    {
        lock (_lock)
        {
            if (_devices.Any(other => other.Id == id))
                throw new QmpException($"Duplicate device ID '{id}'");
            var added = new MachineDevice(id, device);
            _devices = _devices.Add(added);
            if (IsRunning)
                device.Start();
            return new Removal(this, added);
        }
    }

    public async ValueTask EnterAsync(RunState state, CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (state == RunState.Running)
                Start();
            else if (IsRunning)
                await StopAsync(state, cancellationToken).ConfigureAwait(false);
            else
                _state = state;
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>Stops a running machine. When it has stopped, all that was under way is done and on disk.</summary>
    internal async ValueTask StopAsync(CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (IsRunning)
                await StopAsync(RunState.Paused, cancellationToken).ConfigureAwait(false);
            else if (_state == RunState.InMigrate)
                _startsWhenLoaded = false;
        }
        finally
        {
            _changing.Release();
        }
    }

    internal async ValueTask ContinueAsync(CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            switch (_state)
            {
                case RunState.Running:
                    return;
                case RunState.InMigrate:
                    _startsWhenLoaded = true;
                    return;
                case RunState.FinishMigrate:
                    throw new QmpException("Migration is not finalized yet");
            }

            // Another host may have had the images.
            await graph.TakeOverAsync(cancellationToken).ConfigureAwait(false);
            Start();
        }
        finally
        {
            _changing.Release();
        }
    }

    internal async ValueTask ResetAsync(CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            events.Emit(WasReset, new ResetData { Guest = false, Reason = ShutdownCause.HostQmpSystemReset });
            if (_state is not (RunState.Running or RunState.InMigrate or RunState.FinishMigrate))
                _state = RunState.Prelaunch;
        }
        finally
        {
            _changing.Release();
        }
    }

    private void Start()
    {
        if (IsRunning)
            return;
        lock (_lock)
        {
            _state = RunState.Running;
            foreach (var (_, device) in _devices)
                device.Start();
        }

        events.Emit(Resumed);
    }

    private async ValueTask StopAsync(RunState state, CancellationToken cancellationToken)
    {
        ImmutableList<MachineDevice> devices;
        lock (_lock)
        {
            _state = state;
            devices = _devices;
        }

        events.Emit(Stopped);
        foreach (var (_, device) in devices)
            await device.StopAsync(cancellationToken).ConfigureAwait(false);
        await using (await graph.DrainAsync(node: null, cancellationToken).ConfigureAwait(false))
        {
            // Whoever was served has his answer; the next requests are those of exports.
        }

        await FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A disk that fails here has failed its users before, as QEMU takes it.</summary>
    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        foreach (var node in graph.Nodes.Where(node => !node.ReadOnly))
        {
            try
            {
                await node.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (BlockException)
            {
                // Its next flush tells.
            }
        }
    }

    private sealed class Removal(MachineState machine, MachineDevice device) : IDisposable
    {
        public void Dispose()
        {
            lock (machine._lock)
                machine._devices = machine._devices.Remove(device);
        }
    }
}
