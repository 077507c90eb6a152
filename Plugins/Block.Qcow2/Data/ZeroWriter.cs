// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>Write-zeroes and discard: changes of L2 entries, without data wherever whole clusters are concerned.</summary>
internal sealed class ZeroWriter(Qcow2Image image)
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    private delegate L2Entry Rule(L2Entry old);

    /// <summary>Makes a range read as zeroes; parts of clusters are written as data.</summary>
    public ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        WriteZeroesAsync(offset, bytes, image.Length, flags, cancellationToken);

    /// <param name="diskEnd">Where the disk ends, or is about to: a cluster that reaches over it counts as whole.</param>
    public async ValueTask WriteZeroesAsync(long offset, long bytes, long diskEnd, ZeroFlags flags, CancellationToken cancellationToken)
    {
        image.Guard.ThrowIfStopped();
        var token = image.Epoch.Enter();
        try
        {
            var (start, end) = WholeClusters(offset, bytes, diskEnd);
            if (image.Header.Current.Version < 3 || start >= end)
            {
                await ZeroPartAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
                return;
            }
            await ZeroPartAsync(offset, start - offset, flags, cancellationToken).ConfigureAwait(false);
            if (offset + bytes > end)
                await ZeroPartAsync(end, offset + bytes - end, flags, cancellationToken).ConfigureAwait(false);
            await ChangeAsync(start, end, Zeroing((flags & ZeroFlags.MayUnmap) != 0), skipUnmapped: false, image.Settings.PassDiscardRequest, cancellationToken)
                .ConfigureAwait(false);
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
        var token = image.Epoch.Enter();
        try
        {
            var (start, end) = WholeClusters(offset, bytes, image.Length);
            if (start < end)
                await ChangeAsync(start, end, Discarding(), image.Backing is null, image.Settings.PassDiscardRequest, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            image.Epoch.Exit(token);
        }
    }

    /// <summary>Overwrites a part of one cluster where it is allocated, whatever the size of the disk.</summary>
    public async ValueTask WriteZeroDataAsync(long offset, long bytes)
    {
        var extent = await image.Map.LookupAsync(offset, bytes, splitOwned: false, CancellationToken.None).ConfigureAwait(false);
        if (extent.Kind is ExtentKind.Data or ExtentKind.Compressed)
            await image.Writer.WriteZeroDataAsync(offset, bytes, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Unmaps clusters without a trace, for a disk that ends before them.</summary>
    public ValueTask DropAsync(long start, long end, CancellationToken cancellationToken) =>
        ChangeAsync(start, end, _ => L2Entry.Unallocated, skipUnmapped: true, passDown: true, cancellationToken);

    /// <summary>As QEMU: a cluster keeps its storage unless it may be unmapped; compressed ones cannot keep it.</summary>
    private static Rule Zeroing(bool unmap) => old => old.Kind switch
    {
        ClusterKind.ZeroPlain => old,
        ClusterKind.ZeroAllocated => unmap ? L2Entry.PlainZero : old,
        ClusterKind.Data when !unmap => new L2Entry(old.Raw | L2Entry.ZeroBit),
        _ => L2Entry.PlainZero,
    };

    private Rule Discarding()
    {
        var readsZero = image.Header.Current.Version >= 3 ? L2Entry.PlainZero : L2Entry.Unallocated;
        var hasBacking = image.Backing is not null;
        return old => old.Kind == ClusterKind.ZeroPlain || (old.Kind == ClusterKind.Unallocated && !hasBacking) ? old : readsZero;
    }

    /// <summary>The clusters inside a range; the disk's last one counts as whole when the range reaches the end.</summary>
    private (long Start, long End) WholeClusters(long offset, long bytes, long diskEnd)
    {
        var end = offset + bytes;
        var start = _geometry.ClustersFor(offset) << _geometry.ClusterBits;
        return (start, end == diskEnd ? _geometry.ClustersFor(end) << _geometry.ClusterBits : _geometry.ClusterStart(end));
    }

    private async ValueTask ZeroPartAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        for (var done = 0L; done < bytes;)
        {
            var extent = await image.Map.LookupAsync(offset + done, bytes - done, splitOwned: false, cancellationToken).ConfigureAwait(false);
            var isZero = extent.Kind == ExtentKind.Zero || (extent.Kind == ExtentKind.Unallocated && image.Backing is null);
            if (!isZero)
            {
                if ((flags & ZeroFlags.NoFallback) != 0 || extent.Length >= 2L * _geometry.ClusterSize)
                    throw new BlockException(BlockErrorKind.NotSupported, "The range cannot be zeroed without writing data");
                await image.Writer.WriteZeroDataAsync(offset + done, extent.Length, cancellationToken).ConfigureAwait(false);
            }
            done += extent.Length;
        }
    }

    private async ValueTask ChangeAsync(long start, long end, Rule rule, bool skipUnmapped, bool passDown, CancellationToken cancellationToken)
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
            var conflict = await image.ChangeAsync(() => ChangeSliceAsync(at, stop, rule, passDown), cancellationToken).ConfigureAwait(false);
            if (conflict is null)
                start = stop;
            else
                await conflict.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Applies the rule to the entries that one slice holds; returns what to wait for first, if anything.</summary>
    private async ValueTask<Task?> ChangeSliceAsync(long start, long end, Rule rule, bool passDown)
    {
        var count = (int)((end - start) >> _geometry.ClusterBits);
        if (image.InFlight.Conflict(start >> _geometry.ClusterBits, count) is { } conflict) return conflict;
        if (!await IsChangedAsync(start, end, rule).ConfigureAwait(false)) return null;

        var slice = await image.Map.GetWritableSliceAsync(start).ConfigureAwait(false);
        var index = image.Map.IndexInSlice(start);
        for (var i = index; i < index + count; i++)
        {
            var old = image.Map.EntryAt(slice, i);
            if (!old.Compressed && !_geometry.IsClusterAligned(old.HostOffset))
                throw image.Map.Describe(start + ((long)(i - index) << _geometry.ClusterBits));
            var changed = rule(old);
            if (changed == old) continue;
            slice = image.Map.SetEntry(slice, i, changed);
            if (changed.HostOffset == 0) image.Map.Retire(old, passDown);
        }
        return null;
    }

    /// <summary>A table is not made, and not made dirty, for a range that is already as it should be.</summary>
    private async ValueTask<bool> IsChangedAsync(long start, long end, Rule rule)
    {
        while (start < end)
        {
            var extent = await image.Map.LookupAsync(start, end - start, splitOwned: true, CancellationToken.None).ConfigureAwait(false);
            if (extent.Kind == ExtentKind.Invalid || rule(extent.Entry) != extent.Entry) return true;
            start += extent.Length;
        }
        return false;
    }
}
