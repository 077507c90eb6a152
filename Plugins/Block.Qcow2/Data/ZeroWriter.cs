// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>Write-zeroes and discard: changes of L2 entries, without data wherever whole subclusters are concerned.</summary>
internal sealed class ZeroWriter(Qcow2Image image)
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    private bool KeepsClusters => image.Settings.DiscardNoUnref;

    /// <summary>What an entry becomes, when some of its subclusters are concerned.</summary>
    private delegate ClusterEntry Rule(ClusterEntry old, int first, int count);

    /// <summary>Makes a range read as zeroes; parts of subclusters are written as data.</summary>
    public ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        WriteZeroesAsync(offset, bytes, image.Length, flags, cancellationToken);

    /// <param name="diskEnd">Where the disk ends, or is about to: a cluster that reaches over it counts as whole.</param>
    public async ValueTask WriteZeroesAsync(
        long offset, long bytes, long diskEnd, ZeroFlags flags, CancellationToken cancellationToken)
    {
        image.Guard.ThrowIfStopped();
        var token = await image.Hold.EnterAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        try
        {
            var (start, end) = WholeSubclusters(offset, bytes, diskEnd);
            if (image.Header.Current.Version < 3)
            {
                await ZeroPartAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
                return;
            }
            var firstEnd = Math.Min(start, offset + bytes);
            await ZeroEdgeAsync(offset, firstEnd - offset, flags, cancellationToken).ConfigureAwait(false);
            if (offset + bytes > Math.Max(firstEnd, end))
                await ZeroEdgeAsync(
                    Math.Max(firstEnd, end),
                    offset + bytes - Math.Max(firstEnd, end),
                    flags,
                    cancellationToken).ConfigureAwait(false);
            if (start < end) await ZeroWholeAsync(start, end, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            image.Epoch.Exit(token);
        }
    }

    /// <summary>Gives clusters back; they read as zeroes afterwards. Parts of clusters stay as they are.</summary>
    public async ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        image.Guard.ThrowIfStopped();

        // Without a zero flag, an unmapped cluster would show the backing file's old data.
        if (image.Header.Current.Version < 3 && image.Backing is not null)
            throw new BlockException(BlockErrorKind.NotSupported, "A version 2 image with a backing file cannot discard");
        var token = await image.Hold.EnterAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        try
        {
            var (start, end) = WholeClusters(offset, bytes);
            if (start >= end) return;
            await image.Data.DiscardAsync(start, end, image.Settings.PassDiscardRequest).ConfigureAwait(false);
            await ChangeAsync(
                start,
                end,
                Discarding(),
                image.Backing is null,
                image.Settings.PassDiscardRequest,
                cancellationToken).ConfigureAwait(false);
            if (KeepsClusters
                && image.Settings.PassDiscardRequest) await DiscardKeptAsync(start, end, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            image.Epoch.Exit(token);
        }
    }

    /// <summary>Overwrites a part of one cluster where it is allocated, whatever the size of the disk.</summary>
    public async ValueTask WriteZeroDataAsync(long offset, long bytes)
    {
        for (var done = 0L; done < bytes;)
        {
            var extent = await image.Map.LookupAsync(
                offset + done, bytes - done, splitOwned: false, CancellationToken.None).ConfigureAwait(false);
            if (extent.Kind is ExtentKind.Data or ExtentKind.Compressed)
                await image.Writer.WriteZeroDataAsync(offset + done, extent.Length, CancellationToken.None).ConfigureAwait(false);
            done += extent.Length;
        }
    }

    /// <summary>Unmaps clusters without a trace, for a disk that ends before them.</summary>
    public ValueTask DropAsync(long start, long end, CancellationToken cancellationToken) =>
        ChangeAsync(start, end, (_, _, _) => ClusterEntry.Unallocated, skipUnmapped: true, passDown: true, cancellationToken);

    /// <summary>As QEMU: a cluster keeps its storage unless all of it may be unmapped; compressed ones cannot keep it.</summary>
    private Rule Zeroing(bool unmap) => (old, first, count) =>
    {
        if (count < _geometry.Subclusters)
            return old.IsCompressed ? throw NeedsData() : old.WithZero(first, count);
        return old.HostOffset == 0 || (unmap && !KeepsClusters) ? ClusterEntry.PlainZero(_geometry) : old.WithZero(first, count);
    };

    private Rule Discarding()
    {
        var readsZero = image.Header.Current.Version >= 3 ? ClusterEntry.PlainZero(_geometry) : ClusterEntry.Unallocated;
        var hasBacking = image.Backing is not null;
        return (old, _, _) => old == ClusterEntry.Unallocated && !hasBacking ? old
            : KeepsClusters && old.HostOffset != 0 ? old.WithZero(0, _geometry.Subclusters)
            : readsZero;
    }

    private static BlockException NeedsData() =>
        new(BlockErrorKind.NotSupported, "The range cannot be zeroed without writing data");

    /// <summary>Zeroes subclusters. Of a compressed cluster only the whole can go: a part of one is written.</summary>
    private async ValueTask ZeroWholeAsync(long start, long end, ZeroFlags flags, CancellationToken cancellationToken)
    {
        var (first, last) = (_geometry.ClustersFor(start) << _geometry.ClusterBits, _geometry.ClusterStart(end));
        if (first > last)
        {
            await ZeroSubclustersAsync(start, end, flags, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (start < first) await ZeroSubclustersAsync(start, first, flags, cancellationToken).ConfigureAwait(false);
        if (first < last) await ZeroEntriesAsync(first, last, flags, cancellationToken).ConfigureAwait(false);
        if (last < end) await ZeroSubclustersAsync(last, end, flags, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ZeroSubclustersAsync(long start, long end, ZeroFlags flags, CancellationToken cancellationToken)
    {
        var extent = await image.Map.LookupAsync(start, end - start, splitOwned: false, cancellationToken).ConfigureAwait(false);
        if (extent.Kind == ExtentKind.Compressed)
            await ZeroPartAsync(start, end - start, flags, cancellationToken).ConfigureAwait(false);
        else
            await ZeroEntriesAsync(start, end, flags, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ZeroEntriesAsync(long start, long end, ZeroFlags flags, CancellationToken cancellationToken)
    {
        var unmap = (flags & ZeroFlags.MayUnmap) != 0;
        await image.Data.ZeroAsync(start, end, flags & (ZeroFlags.MayUnmap | ZeroFlags.NoFallback)).ConfigureAwait(false);
        if (unmap) await image.Data.DiscardAsync(start, end, image.Settings.PassDiscardRequest).ConfigureAwait(false);
        await ChangeAsync(
            start,
            end,
            Zeroing(unmap),
            skipUnmapped: false,
            image.Settings.PassDiscardRequest,
            cancellationToken).ConfigureAwait(false);
        if (unmap && KeepsClusters
            && image.Settings.PassDiscardRequest) await DiscardKeptAsync(start, end, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Gives back what lies under zero clusters that stay allocated. Nobody else gets them while this request runs.
    /// </summary>
    private async ValueTask DiscardKeptAsync(long start, long end, CancellationToken cancellationToken)
    {
        if (image.Data.IsExternal) return;
        (start, end) = (_geometry.ClustersFor(start) << _geometry.ClusterBits, _geometry.ClusterStart(end));
        while (start < end)
        {
            var extent = await image.Map.LookupAsync(
                start, end - start, splitOwned: true, cancellationToken).ConfigureAwait(false);
            if (extent is { Kind: ExtentKind.Zero, Owned: true, HostOffset: not 0 })
                await image.Data.DiscardClustersAsync(extent.HostOffset, extent.Length).ConfigureAwait(false);
            start += extent.Length;
        }
    }

    /// <summary>The clusters inside a range; the disk's last one counts as whole when the range reaches the end.</summary>
    private (long Start, long End) WholeClusters(long offset, long bytes)
    {
        var end = offset + bytes;
        var start = _geometry.ClustersFor(offset) << _geometry.ClusterBits;
        return (start, end == image.Length ? _geometry.ClustersFor(end) << _geometry.ClusterBits : _geometry.ClusterStart(end));
    }

    /// <summary>As <see cref="WholeClusters"/>, for subclusters.</summary>
    /// <param name="diskEnd">Where the disk ends, or is about to.</param>
    private (long Start, long End) WholeSubclusters(long offset, long bytes, long diskEnd)
    {
        var end = offset + bytes;
        return (
            _geometry.SubclusterEnd(offset),
            end == diskEnd ? _geometry.ClustersFor(end) << _geometry.ClusterBits : _geometry.SubclusterStart(end));
    }

    /// <summary>Zeroes a part of one subcluster: by its entry where nothing else is in it, else as data.</summary>
    private async ValueTask ZeroEdgeAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        if (bytes == 0) return;
        if (await ZeroEdge.CanWidenAsync(image, offset, bytes, cancellationToken).ConfigureAwait(false)
            && await TryZeroSubclusterAsync(
                _geometry.SubclusterStart(offset), flags, cancellationToken).ConfigureAwait(false)) return;
        await ZeroPartAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    /// <returns>False: another request has put data there first.</returns>
    private async ValueTask<bool> TryZeroSubclusterAsync(long start, ZeroFlags flags, CancellationToken cancellationToken)
    {
        var zeroing = Zeroing((flags & ZeroFlags.MayUnmap) != 0);
        var isZero = true;
        await ChangeAsync(
            start,
            start + _geometry.SubclusterSize,
            (old, first, count) => (isZero = ZeroEdge.HasNoData(old, first, count)) ? zeroing(old, first, count) : old,
            skipUnmapped: false,
            image.Settings.PassDiscardRequest,
            cancellationToken).ConfigureAwait(false);
        return isZero;
    }

    private async ValueTask ZeroPartAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        for (var done = 0L; done < bytes;)
        {
            var extent = await image.Map.LookupAsync(
                offset + done, bytes - done, splitOwned: false, cancellationToken).ConfigureAwait(false);
            var isZero = extent.Kind == ExtentKind.Zero || (extent.Kind == ExtentKind.Unallocated && image.Backing is null);
            if (!isZero)
            {
                if ((flags & ZeroFlags.NoFallback) != 0 || extent.Length >= 2L * _geometry.ClusterSize) throw NeedsData();
                await image.Writer.WriteZeroDataAsync(offset + done, extent.Length, cancellationToken).ConfigureAwait(false);
            }
            done += extent.Length;
        }
    }

    private async ValueTask ChangeAsync(
        long start, long end, Rule rule, bool skipUnmapped, bool passDown, CancellationToken cancellationToken)
    {
        while (start < end)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (skipUnmapped && new L1Entry(image.L1[_geometry.L1Index(start)]).TableOffset == 0)
            {
                start = ((start >> _geometry.L2CoverageBits) + 1) << _geometry.L2CoverageBits;
                continue;
            }
            await image.RelieveAsync(cancellationToken).ConfigureAwait(false);
            var (at, stop) = (start, Math.Min(end, start + image.Map.ToSliceEnd(start)));
            var conflict = await image.ChangeAsync(
                () => ChangeSliceAsync(at, stop, rule, passDown), cancellationToken).ConfigureAwait(false);
            if (conflict is null)
                start = stop;
            else
                await conflict.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Applies the rule to the entries that one slice holds; returns what to wait for first, if anything.</summary>
    private async ValueTask<Task?> ChangeSliceAsync(long start, long end, Rule rule, bool passDown)
    {
        var count = (int)_geometry.ClustersFor(_geometry.OffsetInCluster(start) + end - start);
        if (image.InFlight.Conflict(start >> _geometry.ClusterBits, count) is { } conflict) return conflict;
        if (!await IsChangedAsync(start, end, rule).ConfigureAwait(false)) return null;

        var slice = await image.Map.GetWritableSliceAsync(start).ConfigureAwait(false);
        var index = image.Map.IndexInSlice(start);
        for (var i = 0; i < count; i++)
        {
            var old = image.Map.EntryAt(slice, index + i);
            var at = Math.Max(start, _geometry.ClusterStart(start) + ((long)i << _geometry.ClusterBits));
            if (!old.IsSound(_geometry)) throw image.Map.Describe(at);
            var changed = Apply(rule, old, at, end);
            if (changed == old) continue;
            slice = image.Map.SetEntry(slice, index + i, changed);
            if (changed.HostOffset == 0) image.Map.Retire(old, passDown);
        }
        return null;
    }

    private ClusterEntry Apply(Rule rule, ClusterEntry old, long at, long end)
    {
        var first = _geometry.SubclusterIndex(at);
        var bytes = Math.Min(end - at, _geometry.ClusterSize - _geometry.OffsetInCluster(at));
        return rule(old, first, (int)(bytes >> _geometry.SubclusterBits));
    }

    /// <summary>A table is not made, and not made dirty, for a range that is already as it should be.</summary>
    private async ValueTask<bool> IsChangedAsync(long start, long end, Rule rule)
    {
        while (start < end)
        {
            var extent = await image.Map.LookupAsync(
                start, end - start, splitOwned: true, CancellationToken.None).ConfigureAwait(false);
            if (extent.Kind == ExtentKind.Invalid || Apply(rule, extent.Entry, start, end) != extent.Entry) return true;

            // Entries of one run are alike, unless they have subclusters that the run does not reach.
            var isUniform = !_geometry.ExtendedL2 || extent.Entry == ClusterEntry.Unallocated;
            start += isUniform
                ? extent.Length
                : Math.Min(extent.Length, _geometry.ClusterSize - _geometry.OffsetInCluster(start));
        }
        return false;
    }
}
