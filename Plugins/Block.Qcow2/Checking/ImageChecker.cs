// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>
/// A check, in QEMU's order, so that the same findings come in the same lines: count all references, compare them with
/// the refcounts, mend those or make the whole structure anew, compare once more, see to the COPIED flags.
/// </summary>
internal sealed class ImageChecker(Qcow2Image image)
{
    private readonly ClusterGeometry _geometry = image.Geometry;
    private readonly CheckReport _report = new();
    private readonly SnapshotTableCheck _snapshots = new(image);

    public async ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken)
    {
        if (_snapshots.FindFailure(repair) is { } failure) return failure;
        await QuietImage.RunAsync(
            image, () => CheckQuietAsync(repair, cancellationToken), cancellationToken).ConfigureAwait(false);
        if (repair != CheckRepair.None)
        {
            await image.Flusher.SettleAsync().ConfigureAwait(false);
            await ClearMarksAsync().ConfigureAwait(false);
        }
        return _report.ToResult(_geometry.ClustersFor(image.Length));
    }

    private async ValueTask<bool> CheckQuietAsync(CheckRepair repair, CancellationToken cancellationToken)
    {
        var fixesErrors = repair.HasFlag(CheckRepair.Errors);
        var snapshotFaults = _snapshots.Report(_report, fixesErrors);
        var counter = await CountAsync(fixesErrors, cancellationToken).ConfigureAwait(false);
        var counted = _report.Counts;
        var needsRebuild = await CompareAsync(counter, CheckRepair.None, cancellationToken).ConfigureAwait(false)
            || counter.NeedsRebuild;
        if (needsRebuild && fixesErrors)
        {
            await RebuildAsync(counter, repair, cancellationToken).ConfigureAwait(false);
        }
        else if (repair != CheckRepair.None && needsRebuild)
        {
            _report.GiveUp("ERROR need to rebuild refcount structures");
            return false;
        }
        else if (repair != CheckRepair.None && (_report.Counts.Leaks > 0 || _report.Counts.Corruptions > 0))
        {
            _report.Counts = counted;
            await CompareAsync(counter, repair, cancellationToken).ConfigureAwait(false);
        }

        // Where leaks were mended, the flags of what has one reference again follow, if the refcounts can be trusted now.
        var fixesFlags = fixesErrors
            || (repair != CheckRepair.None && _report.Counts is { CheckErrors: 0, Corruptions: 0, Leaks: 0 });
        if (fixesFlags) await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
        await new CopiedFlagCheck(image, _report, fixesFlags).RunAsync(cancellationToken).ConfigureAwait(false);
        if (fixesErrors && snapshotFaults > 0) await _snapshots.MendAsync(_report, snapshotFaults).ConfigureAwait(false);
        return true;
    }

    /// <summary>
    /// Everything is counted again afterwards: the old structure, still counted in the new one, is a leak then.
    /// </summary>
    private async ValueTask RebuildAsync(ReferenceCounter old, CheckRepair repair, CancellationToken cancellationToken)
    {
        _report.Note("Rebuilding refcount structure");
        var found = _report.Counts;
        await new RefcountRebuilder(image, _geometry.RefcountOrder)
        { FirstFree = old.EndOfStrays }.RebuildAsync(old.References).ConfigureAwait(false);
        _report.Counts = _report.Counts with { Corruptions = 0, Leaks = 0 };
        var counter = await CountAsync(repair: false, cancellationToken).ConfigureAwait(false);
        await CompareAsync(counter, repair & CheckRepair.Leaks, cancellationToken).ConfigureAwait(false);
        var left = _report.Counts;
        _report.Counts = left with
        {
            CorruptionsFixed = found.CorruptionsFixed + Math.Max(0, found.Corruptions - left.Corruptions),
            LeaksFixed = found.LeaksFixed + Math.Max(0, found.Leaks - left.Leaks),
        };
    }

    private async ValueTask<ReferenceCounter> CountAsync(bool repair, CancellationToken cancellationToken)
    {
        _report.ForgetStatistics();
        var counter = new ReferenceCounter(image, _report, repair);
        await counter.CountAsync(cancellationToken).ConfigureAwait(false);
        return counter;
    }

    private async ValueTask<bool> CompareAsync(ReferenceCounter counter, CheckRepair repair, CancellationToken cancellationToken)
    {
        var comparison = new RefcountComparison(image, counter, _report, repair);
        await comparison.RunAsync(cancellationToken).ConfigureAwait(false);
        return comparison.NeedsRebuild;
    }

    /// <summary>A whole image is neither dirty nor corrupt.</summary>
    private async ValueTask ClearMarksAsync()
    {
        const IncompatibleFeatures Marks = IncompatibleFeatures.Dirty | IncompatibleFeatures.Corrupt;
        if (_report.Counts is not { CheckErrors: 0, Corruptions: 0 }) return;
        using (await image.Gate.AcquireAsync().ConfigureAwait(false))
        {
            var header = image.Header.Current;
            if ((header.Incompatible & Marks) != 0)
                await image.Header.UpdateAsync(header with { Incompatible = header.Incompatible & ~Marks }).ConfigureAwait(false);
        }
    }
}
