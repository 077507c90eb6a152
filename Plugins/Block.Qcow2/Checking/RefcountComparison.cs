// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>Compares the references that exist with the refcounts on record, and corrects the latter.</summary>
internal sealed class RefcountComparison(Qcow2Image image, ReferenceCounter counter, CheckReport report, CheckRepair repair)
{
    private readonly ClusterGeometry _geometry = image.Geometry;
    private readonly RefcountReader _recorded = new(image);
    private readonly ReferenceMap _references = counter.References;
    private bool _hasNotedBroken;

    /// <summary>
    /// A cluster in use is counted free, so it may already have been taken twice: single counts cannot mend that.
    /// </summary>
    public bool NeedsRebuild { get; private set; }

    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        report.ImageEndOffset = _geometry.ClusterSize;
        for (var region = 0L; region << _geometry.RefblockBits < counter.Clusters; region++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var first = region << _geometry.RefblockBits;
            if (!_recorded.IsBroken(region) && !_recorded.HasBlock(region)
                && !_references.MayHaveAny(first, _geometry.RefblockEntries)) continue;
            var end = Math.Min(counter.Clusters, first + _geometry.RefblockEntries);
            for (var cluster = first; cluster < end;)
            {
                cluster += await SkipEqualAsync(cluster, end).ConfigureAwait(false);
                if (cluster < end) await CompareAsync(cluster++).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Clusters from the first on whose refcount is right, as far as one look reaches.</summary>
    private async ValueTask<long> SkipEqualAsync(long first, long end)
    {
        if (await _recorded.GetRunAsync(first).ConfigureAwait(false) is not { } run) return 0;
        var most = (int)Math.Min(end - first, run.Count);
        var skipped = 0;
        while (skipped < most)
        {
            var references = _references[first + skipped];
            if (run.CountEqual(skipped, 1, references) == 0) break;
            skipped++;
            if (references > 0) report.ImageEndOffset = (first + skipped) << _geometry.ClusterBits;
        }
        return skipped;
    }

    private async ValueTask CompareAsync(long cluster)
    {
        if (await _recorded.GetAsync(cluster).ConfigureAwait(false) is not { } recorded)
        {
            NoteBroken(_geometry.RefcountTableIndex(cluster));
            report.CheckError($"Can't get refcount for cluster {cluster}: Input/output error");
            return;
        }
        var references = _references[cluster];
        if (recorded > 0 || references > 0) report.ImageEndOffset = (cluster + 1) << _geometry.ClusterBits;
        if (recorded != references) await SettleAsync(cluster, recorded, references).ConfigureAwait(false);
    }

    /// <summary>QEMU's first reading of such a block says so, once.</summary>
    private void NoteBroken(long region)
    {
        if (_hasNotedBroken || _geometry.IsClusterAligned((long)(image.Allocator.Table[region] & ~0x1ffUL))) return;
        _hasNotedBroken = true;
        var what =
            $"Refblock offset 0x{image.Allocator.Table[region] & ~0x1ffUL:x} unaligned (reftable index: {CHex.Of(region)})";
        report.Note(image.Settings.Writable
            ? $"qcow2: Marking image as corrupt: {what}; further corruption events will be suppressed"
            : $"qcow2: Image is corrupt: {what}; further non-fatal corruption events will be suppressed");
    }

    private async ValueTask SettleAsync(long cluster, ulong recorded, uint references)
    {
        var isLeak = recorded > references;
        var line = $"cluster {cluster} refcount={recorded} reference={references}";
        if (recorded == 0)
        {
            NeedsRebuild = true;
        }
        else if (repair.HasFlag(isLeak ? CheckRepair.Leaks : CheckRepair.Errors))
        {
            report.Note($"Repairing {line}");
            await image.Allocator.SetRefcountAsync(cluster, references).ConfigureAwait(false);
            if (isLeak) report.LeakFixed();
            else report.CorruptionFixed();
            return;
        }
        if (isLeak) report.Leak($"Leaked {line}");
        else report.Corruption($"ERROR {line}");
    }
}
