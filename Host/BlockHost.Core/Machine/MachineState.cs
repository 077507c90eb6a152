// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Qmp;
using BlockHost.Qmp;

namespace BlockHost.Core.Machine;

/// <summary>
/// The machine's run state. With no device there is still a machine: exports go on while it is stopped, as they are no part of
/// it.
/// <code>
///                    ┌──── stop ────┐
///   prelaunch ─cont─► running ◄─cont─ paused
///        ▲            (reset: stays)    │
///        └──────────── reset ───────────┘
/// </code>
/// </summary>
public sealed class MachineState(IBlockGraph graph, IQmpEvents events)
{
    private readonly SemaphoreSlim _changing = new(1);
    private volatile RunState _state = RunState.Running;

    internal RunState State => _state;

    internal bool IsRunning => _state == RunState.Running;

    internal QmpSignal Stopped { get; } = new("STOP");

    internal QmpSignal Resumed { get; } = new("RESUME");

    internal QmpEvent<ResetData> WasReset { get; } = new("RESET", () => MachineJson.Default.ResetData);

    /// <summary>"-S": the machine waits for cont.</summary>
    public void WaitForStart() => _state = RunState.Prelaunch;

    /// <summary>Stops a running machine. When it has stopped, all that was under way is done and on disk.</summary>
    internal async ValueTask StopAsync(CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!IsRunning)
                return;
            _state = RunState.Paused;
            events.Emit(Stopped);
            await using (await graph.DrainAsync(node: null, cancellationToken).ConfigureAwait(false))
            {
                // Whoever was served has his answer; the next requests are those of exports.
            }

            await FlushAsync(cancellationToken).ConfigureAwait(false);
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
            if (IsRunning)
                return;
            _state = RunState.Running;
            events.Emit(Resumed);
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
            if (!IsRunning)
                _state = RunState.Prelaunch;
        }
        finally
        {
            _changing.Release();
        }
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
}
