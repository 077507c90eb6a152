// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Copying.Mirroring;

/// <summary>
/// The end. Guests are held back from when the last write is copied until the graph is as it will be, so that no write
/// falls between source and target, however long a user takes to finalize the job.
/// </summary>
public abstract partial class MirroringJob
{
    private static readonly BlockPermissionSet OutOfTheWay = BlockPermissionSet.None;

    private IAsyncDisposable? _guestsHeld;

    /// <summary>The last step that can fail: the users move.</summary>
    public override async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        if (!_completing || Nodes.Job.IsCancelRequested)
            return;
        try
        {
            await Nodes.Source.ChangePermissionsAsync(OutOfTheWay, cancellationToken).ConfigureAwait(false);
            await Nodes.Target.ChangePermissionsAsync(OutOfTheWay, cancellationToken).ConfigureAwait(false);
            await PivotAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new JobException(e.Errno, e.Message, e);
        }
    }

    public override async ValueTask CleanAsync()
    {
        try
        {
            // A mirror that fails or is cancelled has held nobody back: writes to both nodes end before the target is let go of.
            if (Settings.WriteBlocking)
                _guestsHeld ??= await Graph.DrainAsync(Settings.Source, CancellationToken.None).ConfigureAwait(false);
            await _sourceQueues.DisposeAsync().ConfigureAwait(false);
            await _targetQueues.DisposeAsync().ConfigureAwait(false);
            Dirty.Dispose();
            // What the job asks for must not go down with the filter's users.
            await Nodes.Job.ReleaseNodesAsync().ConfigureAwait(false);
            await Graph.RemoveFilterAsync(Nodes.Filter, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            if (_guestsHeld is { } held)
                await held.DisposeAsync().ConfigureAwait(false);
            _guestsHeld = null;
        }
    }

    /// <summary>
    /// Moves the users to the target. Nothing is in flight, the target is a copy, and the job needs neither node any more. The
    /// filter still stands over the source, or over what has taken its place.
    /// </summary>
    protected virtual async ValueTask PivotAsync(CancellationToken cancellationToken) =>
        await Graph.ReplaceAsync(Settings.Replaces ?? Settings.Source, Settings.Target, cancellationToken).ConfigureAwait(false);

    /// <summary>Nothing is dirty nor in flight: reports that once, and ends or waits for more to do.</summary>
    private async ValueTask<bool> TryEndAsync(IJobContext context, CancellationToken cancellationToken)
    {
        if (!_ready)
        {
            if (!await TryFlushAsync(context).ConfigureAwait(false))
            {
                await context.PausePointAsync().ConfigureAwait(false);
                return false;
            }

            _ready = true;
            context.SetReady();
        }

        if (!_completing && !context.IsCancelRequested)
        {
            await context.SleepAsync(IdleTime).ConfigureAwait(false);
            return false;
        }

        if (await TryHoldGuestsAsync(context, cancellationToken).ConfigureAwait(false))
            return true;
        await context.PausePointAsync().ConfigureAwait(false);
        return false;
    }

    /// <summary>
    /// Holds guests back if the target then is a copy that is on its disk. Users that have come to the source since, past the
    /// filter, are held too. No pause point may come in between: the section pauses the job itself.
    /// </summary>
    private async ValueTask<bool> TryHoldGuestsAsync(IJobContext context, CancellationToken cancellationToken)
    {
        using var changing = context.ChangeGraph();
        var held = await Graph.DrainAsync(Settings.Source, cancellationToken).ConfigureAwait(false);
        try
        {
            if (DirtyBytes > 0 || !await TryFlushAsync(context).ConfigureAwait(false))
                return false;
            (_guestsHeld, held) = (held, null);
            return true;
        }
        finally
        {
            if (held is not null)
                await held.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask<bool> TryFlushAsync(IJobContext context)
    {
        using var target = _targetQueues.Rent();
        var status = await target.Queue.FlushAsync().ConfigureAwait(false);
        if (!status.IsOk)
            Handle(context, new(status, IsRead: false));
        return status.IsOk;
    }
}
