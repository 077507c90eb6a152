// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Copying.Mirroring.Filter;

/// <summary>Writes of guests that go to the target at once, in order with the job's own copies of the same units.</summary>
/// <param name="job">Such writes are part of its progress.</param>
/// <param name="bareCluster">See <see cref="MirrorSettings.BareCluster"/>: clusters that are written in part are the job's to
/// complete.</param>
/// <param name="targetFailed">Told of a write that did not reach the target; its range is dirty.</param>
internal sealed class ActiveMirror(
    IDirtyBitmap dirty, RangeLock ranges, QueuePool target, IJobContext job, long bareCluster, Action<IoStatus> targetFailed)
{
    private readonly long _unit = Math.Max(dirty.Granularity, bareCluster);

    /// <summary>
    /// The write to the source marks its units dirty. When it is on the target too, they are clean again, but for units that it
    /// covers in part and that the job has yet to copy. Whoever marks units otherwise holds their range, so what is seen
    /// at the beginning holds at the end.
    /// </summary>
    public async ValueTask WriteAsync(
        long offset, long bytes, Func<ValueTask> toSource, Func<IBlockQueue, ValueTask<IoStatus>> toTarget)
    {
        var (start, end) = (offset / _unit * _unit, (offset + bytes + _unit - 1) / _unit * _unit);
        using var hold = await ranges.EnterAsync(start, end - start, exclusive: true).ConfigureAwait(false);
        var firstStays = offset > start && IsIncomplete(start);
        var lastStays = offset + bytes < Math.Min(end, dirty.Length) && IsIncomplete(end - _unit);
        await toSource().ConfigureAwait(false);
        job.AddRemaining(bytes);

        using var queue = target.Rent();
        var status = await toTarget(queue.Queue).ConfigureAwait(false);
        if (!status.IsOk)
        {
            targetFailed(status);
            return;
        }

        job.AddProgress(bytes);
        var (first, last) = (firstStays ? start + _unit : start, Math.Min(lastStays ? end - _unit : end, dirty.Length));
        if (last > first)
            dirty.Reset(first, last - first);
    }

    private bool IsIncomplete(long unit) => bareCluster > 0 || dirty.IsDirty(unit);
}
