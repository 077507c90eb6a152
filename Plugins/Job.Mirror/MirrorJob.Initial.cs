// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Mirror;

/// <summary>What is to be copied at first.</summary>
internal sealed partial class MirrorJob
{
    private async ValueTask MarkInitialAsync(IJobContext context, CancellationToken cancellationToken)
    {
        if (_settings.CopyMode == MirrorCopyMode.WriteBlocking)
            await WriteToBothAsync(context, cancellationToken).ConfigureAwait(false);
        switch (_settings.Sync)
        {
            case MirrorSyncMode.Full when !TargetIsCheaplyZeroed():
                _dirty.Set(0, Length);
                break;
            case MirrorSyncMode.Full:
                await ZeroTargetAsync(context).ConfigureAwait(false);
                await MarkAllocatedAsync(context, deepest: int.MaxValue).ConfigureAwait(false);
                break;
            case MirrorSyncMode.Top:
                await MarkAllocatedAsync(context, deepest: 0).ConfigureAwait(false);
                break;
        }
    }

    private async ValueTask WriteToBothAsync(IJobContext context, CancellationToken cancellationToken)
    {
        var active = new Filter.ActiveMirror(_dirty, _ranges, _targetQueues, status => Handle(context, new(status, IsRead: false)));
        using var changing = context.ChangeGraph();
        await using var drained = (await _graph.DrainAsync(_nodes.Filter, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        _nodes.FilterNode.SetActive(active);
    }

    private bool TargetIsCheaplyZeroed() =>
        _settings.Target.Options.TryGetProperty("discard", out var discard) && discard.GetString() == "unmap"
        && _settings.Target.Profile.WriteZeroes == Support.Native;

    private async ValueTask ZeroTargetAsync(IJobContext context)
    {
        const long piece = 1 << 30;
        using var target = _targetQueues.Rent();
        for (var offset = 0L; offset < Length; offset += piece)
        {
            await context.PausePointAsync().ConfigureAwait(false);
            var status = await target.Queue.WriteZeroesAsync(offset, Math.Min(piece, Length - offset), ZeroFlags.MayUnmap).ConfigureAwait(false);
            if (!status.IsOk)
                throw new JobException(status.Errno);
        }
    }

    /// <summary>Marks what the layers from the top down to <paramref name="deepest"/> hold.</summary>
    private async ValueTask MarkAllocatedAsync(IJobContext context, int deepest)
    {
        using var source = _sourceQueues.Rent();
        for (var offset = 0L; offset < Length;)
        {
            await context.PausePointAsync().ConfigureAwait(false);
            var run = await source.Queue.GetStatusAsync(offset, Length - offset, StatusPrecision.AllocationOnly).ConfigureAwait(false);
            if (!run.Status.IsOk)
                throw new JobException(run.Status.Errno);
            if (run.Depth <= deepest && (run.Flags & (BlockStatusFlags.Allocated | BlockStatusFlags.Data)) != 0)
                _dirty.Set(offset, run.Bytes);
            offset += run.Bytes;
        }
    }
}
