// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Filter.Throttle.Limits;

namespace BlockHost.Plugins.Filter.Throttle.Group;

/// <summary>A disk of a group: its requests wait in a line of their own for each direction.</summary>
internal sealed class ThrottleMember(TurnKeeper turns)
{
    private readonly Queue<Turn>[] _lines = [new(), new()];

    /// <summary>Guarded by the turn keeper's lock.</summary>
    public bool IsFree { get; set; }

    /// <summary>Completes when a request of so many bytes may go on; at once where nothing limits it.</summary>
    public ValueTask EnterAsync(Direction direction, long bytes, CancellationToken cancellationToken) =>
        turns.Limits(direction) ? turns.EnterAsync(this, direction, bytes, cancellationToken) : ValueTask.CompletedTask;

    /// <summary>All that waits goes on, and nothing waits any more.</summary>
    public void LiftLimits() => turns.Free(this);

    public void RestoreLimits() => turns.Bind(this);

    public void Leave() => turns.Leave(this);

    /// <summary>Guarded by the turn keeper's lock.</summary>
    public Queue<Turn> Line(Direction direction) => _lines[(int)direction];
}

/// <summary>A request that waits for its turn.</summary>
internal sealed class Turn(long bytes)
{
    private readonly TaskCompletionSource _come = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public long Bytes => bytes;

    /// <summary>Its client waits no longer.</summary>
    public bool IsGivenUp => _come.Task.IsCanceled;

    public void Come() => _come.TrySetResult();

    public ValueTask WaitAsync(CancellationToken cancellationToken) =>
        cancellationToken.CanBeCanceled ? WaitUnlessCancelledAsync(cancellationToken) : new(_come.Task);

    private async ValueTask WaitUnlessCancelledAsync(CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister(
            static (turn, token) => ((Turn)turn!)._come.TrySetCanceled(token), this);
        await _come.Task.ConfigureAwait(false);
    }
}
