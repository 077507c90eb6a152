// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Filter.Throttle.Group;
using BlockHost.Plugins.Filter.Throttle.Limits;

namespace BlockHost.Plugins.Filter.Throttle;

/// <summary>
/// Requests wait for their turn in the group and go to the image then. Discards and zeroes count as writes; flushes and
/// questions of status are free.
/// </summary>
internal sealed class ThrottleNode(IBlockChild child, ThrottleMember member) : BlockFilterNode(child), IResizable, IReopenable
{
    private volatile ThrottleMember _member = member;

    /// <summary>A plain name would open the image without its limits.</summary>
    public override string? FileName => null;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        var turn = _member.EnterAsync(Direction.Read, target.Length, cancellationToken);
        return turn.IsCompletedSuccessfully
            ? Child.ReadAsync(offset, target, flags, cancellationToken)
            : ReadInTurnAsync(turn, offset, target, flags, cancellationToken);
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        var turn = _member.EnterAsync(Direction.Write, source.Length, cancellationToken);
        return turn.IsCompletedSuccessfully
            ? Child.WriteAsync(offset, source, flags, cancellationToken)
            : WriteInTurnAsync(turn, offset, source, flags, cancellationToken);
    }

    public override async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        await _member.EnterAsync(Direction.Write, bytes, cancellationToken).ConfigureAwait(false);
        await Child.WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        await _member.EnterAsync(Direction.Write, bytes, cancellationToken).ConfigureAwait(false);
        await Child.DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) =>
        Child.ResizeAsync(length, options, cancellationToken);

    /// <summary>
    /// Whoever waits for the disk to be quiet does not wait for the limits: what is in the queue goes on at once.
    /// </summary>
    public override ValueTask DrainBeginAsync(CancellationToken cancellationToken)
    {
        _member.LiftLimits();
        return ValueTask.CompletedTask;
    }

    public override void DrainEnd() => _member.RestoreLimits();

    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken) =>
        new(new GroupChange(this, ThrottleDriver.Join(context, options.Deserialize(ThrottleJson.Default.ThrottleOptions)!)));

    public override ValueTask DisposeAsync()
    {
        _member.Leave();
        return ValueTask.CompletedTask;
    }

    private async ValueTask ReadInTurnAsync(
        ValueTask turn, long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        await turn.ConfigureAwait(false);
        await Child.ReadAsync(offset, target, flags, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask WriteInTurnAsync(
        ValueTask turn, long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        await turn.ConfigureAwait(false);
        await Child.WriteAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The node is drained until after the commit: the new membership takes over the state of the old one.</summary>
    private sealed class GroupChange(ThrottleNode node, ThrottleMember joined) : IReopenStep
    {
        public void Commit()
        {
            joined.LiftLimits();
            node._member.Leave();
            node._member = joined;
        }

        public ValueTask AbortAsync()
        {
            joined.Leave();
            return ValueTask.CompletedTask;
        }
    }
}
