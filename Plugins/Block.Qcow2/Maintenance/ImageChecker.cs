// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Maintenance;

/// <summary>Compares the references that exist with the refcounts on record, and repairs the latter.</summary>
internal sealed class ImageChecker(Qcow2Image image)
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    public async ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken)
    {
        var report = new CheckReport();
        await QuietImage.RunAsync(image, () => CheckQuietAsync(repair, report, cancellationToken), cancellationToken).ConfigureAwait(false);
        if (repair != CheckRepair.None)
        {
            await image.Flusher.SettleAsync().ConfigureAwait(false);
            await ClearMarksAsync(report).ConfigureAwait(false);
        }
        return report.ToResult(_geometry.ClustersFor(image.Length));
    }

    private async ValueTask<bool> CheckQuietAsync(CheckRepair repair, CheckReport report, CancellationToken cancellationToken)
    {
        var counter = new ReferenceCounter(image, report);
        await counter.CountContentAsync(cancellationToken).ConfigureAwait(false);
        await counter.CountRefcountsAsync().ConfigureAwait(false);
        if (repair.HasFlag(CheckRepair.Errors) && await NeedsRebuildAsync(counter, cancellationToken).ConfigureAwait(false))
        {
            report.Note("Rebuilding refcount structure");
            var content = new ReferenceCounter(image, new CheckReport());
            await content.CountContentAsync(cancellationToken).ConfigureAwait(false);
            var before = report.Corruptions;
            await CompareAsync(CheckRepair.None, counter, report, cancellationToken).ConfigureAwait(false);
            await new RefcountRebuilder(image, _geometry.RefcountOrder).RebuildAsync(content.References).ConfigureAwait(false);
            report.CorruptionsFixed += report.Corruptions - before + counter.BadBlocks.Count;
            report.LeaksFixed += report.Leaks;
            report.Corruptions = before - counter.BadBlocks.Count;
            report.Leaks = 0;
        }
        else
        {
            await CompareAsync(repair, counter, report, cancellationToken).ConfigureAwait(false);
        }
        await new CopiedFlagCheck(image, report, repair.HasFlag(CheckRepair.Errors)).RunAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>A cluster that is referred to but counted free may already have been taken twice: single counts cannot mend that.</summary>
    private async ValueTask<bool> NeedsRebuildAsync(ReferenceCounter counter, CancellationToken cancellationToken)
    {
        if (counter.BadBlocks.Count > 0) return true;
        var references = counter.References;
        for (var cluster = 0L; cluster < references.End; cluster++)
        {
            if ((cluster & 0xffff) == 0) cancellationToken.ThrowIfCancellationRequested();
            if (references[cluster] > 0 && await image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false) == 0) return true;
        }
        return false;
    }

    private async ValueTask CompareAsync(CheckRepair repair, ReferenceCounter counter, CheckReport report, CancellationToken cancellationToken)
    {
        var references = counter.References;

        // Counts behind the end of the file belong to no cluster: QEMU does not call them leaks, and nor do we.
        var end = Math.Max(references.End, _geometry.ClustersFor(image.File.Length));
        for (var region = 0L; region << _geometry.RefblockBits < end; region++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var first = region << _geometry.RefblockBits;
            var hasBlock = HasReadableBlock(region);
            if (!hasBlock && !references.MayHaveAny(first, _geometry.RefblockEntries)) continue;
            for (var cluster = first; cluster < Math.Min(end, first + _geometry.RefblockEntries); cluster++)
            {
                var recorded = hasBlock ? await image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false) : 0;
                if (recorded == 0 && references[cluster] == 0) continue;
                report.ImageEndOffset = (cluster + 1) << _geometry.ClusterBits;
                if (recorded != references[cluster])
                    await SettleDifferenceAsync(cluster, recorded, references[cluster], repair, report).ConfigureAwait(false);
            }
        }
    }

    private bool HasReadableBlock(long region)
    {
        var offset = (long)(image.Allocator.Table[region] & ~0x1ffUL);
        return offset > 0 && _geometry.IsClusterAligned(offset) && offset < image.File.Length;
    }

    private async ValueTask SettleDifferenceAsync(long cluster, ulong recorded, uint references, CheckRepair repair, CheckReport report)
    {
        var isLeak = recorded > references;
        var isRepaired = repair.HasFlag(isLeak ? CheckRepair.Leaks : CheckRepair.Errors);
        var action = isRepaired ? "Repairing" : isLeak ? "Leaked" : "ERROR";
        report.Note($"{action} cluster {cluster} refcount={recorded} reference={references}");
        if (isRepaired && references <= _geometry.MaxRefcount)
        {
            await image.Allocator.SetRefcountAsync(cluster, references).ConfigureAwait(false);
            if (isLeak) report.LeaksFixed++;
            else report.CorruptionsFixed++;
        }
        else if (isLeak)
        {
            report.Leaks++;
        }
        else
        {
            report.Corruptions++;
        }
    }

    /// <summary>A whole image is neither dirty nor corrupt.</summary>
    private async ValueTask ClearMarksAsync(CheckReport report)
    {
        const IncompatibleFeatures Marks = IncompatibleFeatures.Dirty | IncompatibleFeatures.Corrupt;
        if (report.CheckErrors > 0 || report.Corruptions > 0) return;
        using (await image.Gate.AcquireAsync().ConfigureAwait(false))
        {
            var header = image.Header.Current;
            if ((header.Incompatible & Marks) != 0)
                await image.Header.UpdateAsync(header with { Incompatible = header.Incompatible & ~Marks }).ConfigureAwait(false);
        }
    }
}
