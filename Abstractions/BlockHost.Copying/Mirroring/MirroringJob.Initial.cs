// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Copying.Mirroring.Filter;
using BlockHost.Jobs;

namespace BlockHost.Copying.Mirroring;

/// <summary>What is to be copied at first. Guests write meanwhile; the bitmap records it.</summary>
public abstract partial class MirroringJob
{
    /// <summary>All of the disk, zeroes too, as there is no cheap way to have zeroes on the target first.</summary>
    private bool CopiesAll => Settings is { ZeroTarget: true, OnlyNewWrites: false } && !TargetIsCheaplyZeroed();

    private async ValueTask MarkInitialAsync(IJobContext context)
    {
        if (Settings.OnlyNewWrites)
            return;
        if (CopiesAll)
        {
            Dirty.Set(0, Length);
            return;
        }

        if (Settings.ZeroTarget)
            await ZeroTargetAsync(context).ConfigureAwait(false);
        await MarkAllocatedAsync(context).ConfigureAwait(false);
    }

    /// <summary>
    /// After the marking: a write to both nodes takes a unit for copied that was clean when it began, so nobody may mark units
    /// that such a write is in.
    /// </summary>
    private async ValueTask WriteToBothAsync(IJobContext context, CancellationToken cancellationToken)
    {
        var active = new ActiveMirror(
            Dirty, _ranges, _targetQueues, context, Settings.BareCluster, status => Handle(context, new(status, IsRead: false)));
        using var changing = context.ChangeGraph();
        await using var drained = (await Graph.DrainAsync(
            Nodes.Filter, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        Nodes.FilterNode.SetActive(active);
    }

    private bool TargetIsCheaplyZeroed() =>
        Settings.Target.Options.TryGetProperty("discard", out var discard) && discard.GetString() == "unmap"
        && Settings.Target.Profile.WriteZeroes == Support.Native;

    private async ValueTask ZeroTargetAsync(IJobContext context)
    {
        const long piece = 1 << 30;
        using var target = _targetQueues.Rent();
        for (var offset = 0L; offset < Length; offset += piece)
        {
            await context.PausePointAsync().ConfigureAwait(false);
            var status = await target.Queue.WriteZeroesAsync(
                offset, Math.Min(piece, Length - offset), ZeroFlags.MayUnmap).ConfigureAwait(false);
            if (!status.IsOk)
                throw new JobException(status.Errno);
        }
    }

    /// <summary>
    /// Marks what the layers above the base decide: what they hold, and what reads as zeroes because one of them ends earlier.
    /// </summary>
    private async ValueTask MarkAllocatedAsync(IJobContext context)
    {
        var layers = BackingChain.DepthsAbove(Settings.Source, Settings.Base);
        using var source = _sourceQueues.Rent();
        for (var offset = 0L; offset < Length;)
        {
            await context.PausePointAsync().ConfigureAwait(false);
            var run = await source.Queue.GetStatusAsync(
                offset, Length - offset, StatusPrecision.AllocationOnly).ConfigureAwait(false);
            if (!run.Status.IsOk)
                throw new JobException(run.Status.Errno);
            if (run.Depth < layers)
                Dirty.Set(offset, run.Bytes);
            offset += run.Bytes;
        }
    }
}
