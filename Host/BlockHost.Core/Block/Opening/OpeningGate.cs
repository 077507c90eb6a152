// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Block.Opening;

/// <summary>
/// The way of a driver to its children while its node opens. Those requests come from no queue, and the graph's lock is not held,
/// so a drained section holds them back here:
/// <code>
///   request:  held back? ─ no ─► in flight + 1 ─► go on ─► in flight - 1
///                └ yes ─► wait
///   drain:    held back + 1 ─► wait until nothing is in flight
/// </code>
/// </summary>
internal sealed class OpeningGate
{
    private readonly Lock _lock = new();
    private int _heldBack;
    private int _inFlight;
    private TaskCompletionSource? _released;
    private TaskCompletionSource? _idle;

    /// <summary>Waits until a request may go on; it is in flight until the pass is disposed.</summary>
    public async ValueTask<Pass> EnterAsync(CancellationToken cancellationToken)
    {
        while (WhenReleased() is { } released)
            await released.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Pass(this);
    }

    /// <summary>From now on new requests wait.</summary>
    public void HoldBack()
    {
        lock (_lock)
        {
            if (_heldBack++ == 0)
                _released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public void Release()
    {
        TaskCompletionSource? released = null;
        lock (_lock)
        {
            if (--_heldBack == 0)
                (released, _released) = (_released, null);
        }

        released?.SetResult();
    }

    /// <summary>Completes when nothing is in flight; requests must be held back.</summary>
    public Task WhenIdle()
    {
        lock (_lock)
        {
            if (_inFlight == 0)
                return Task.CompletedTask;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    /// <summary>Null: the request is in flight now.</summary>
    private Task? WhenReleased()
    {
        lock (_lock)
        {
            if (_released is not null)
                return _released.Task;
            _inFlight++;
            return null;
        }
    }

    private void Leave()
    {
        TaskCompletionSource? idle = null;
        lock (_lock)
        {
            if (--_inFlight == 0)
                (idle, _idle) = (_idle, null);
        }

        idle?.SetResult();
    }

    public readonly struct Pass(OpeningGate? gate) : IDisposable
    {
        public void Dispose() => gate?.Leave();
    }
}
