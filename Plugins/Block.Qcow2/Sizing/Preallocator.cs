// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Sizing;

/// <summary>
/// Gives a part of the disk its clusters ahead of time. Where there is no L2 table yet, a whole one is made and written at
/// once, without the cache, so that the largest disk takes as little memory as a small one.
/// </summary>
internal sealed class Preallocator(Qcow2Image image, PreallocationMode mode)
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    public async ValueTask RunAsync(long old, long length, CancellationToken cancellationToken)
    {
        var end = _geometry.ClustersFor(length) << _geometry.ClusterBits;
        for (var at = _geometry.ClustersFor(old) << _geometry.ClusterBits; at < end;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await image.RelieveAsync(cancellationToken).ConfigureAwait(false);
            var (start, toTableEnd) = (at, ((at >> _geometry.L2CoverageBits) + 1) << _geometry.L2CoverageBits);
            at += image.Map.HasTable(start)
                ? await image.ChangeAsync(
                    () => AddToSliceAsync(start, Math.Min(end, start + image.Map.ToSliceEnd(start))),
                    cancellationToken).ConfigureAwait(false)
                : await image.ChangeAsync(
                    () => AddTableAsync(start, Math.Min(end, toTableEnd)), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <returns>Guest bytes dealt with.</returns>
    private async ValueTask<long> AddTableAsync(long start, long stop)
    {
        using var buffer = image.Buffers.Rent(_geometry.ClusterSize);
        var content = buffer.Memory[.._geometry.ClusterSize];
        content.Span.Clear();
        var table = await image.Allocator.AllocateWholeAsync(1).ConfigureAwait(false);
        var runs = new List<ClusterRun>();
        try
        {
            var wanted = (stop - start) >> _geometry.ClusterBits;
            var done = 0L;
            while (done < wanted
                && await TryTakeAsync(_geometry.ClusterIndex(start) + done, wanted - done, runs).ConfigureAwait(false))
            {
                if (!image.Data.IsExternal) await ProvideAsync(runs[^1]).ConfigureAwait(false);
                Fill(content.Span, _geometry.L2Index(start) + (int)done, runs[^1]);
                done += runs[^1].Count;
            }
            await image.Map.AddTableAsync(start, table.First, content).ConfigureAwait(false);
            return done << _geometry.ClusterBits;
        }
        catch
        {
            foreach (var run in runs) await image.Data.GiveBackAsync(run).ConfigureAwait(false);
            await image.Allocator.ReleaseAsync(table).ConfigureAwait(false);
            throw;
        }
    }

    /// <returns>False: the refcount table is full, and what was taken before is kept; the rest is for the next step.</returns>
    private async ValueTask<bool> TryTakeAsync(long guestFirst, long wanted, List<ClusterRun> runs)
    {
        try
        {
            runs.Add(await image.Data.TakeAsync(guestFirst, wanted).ConfigureAwait(false));
            return true;
        }
        catch (RefcountTableFullException) when (runs.Count > 0)
        {
            return false;
        }
    }

    private void Fill(Span<byte> table, int index, ClusterRun run)
    {
        for (var i = 0; i < run.Count; i++)
            image.Map.Encode(table, index + i, Provided((run.First + i) << _geometry.ClusterBits));
    }

    /// <returns>Guest bytes dealt with.</returns>
    private async ValueTask<long> AddToSliceAsync(long start, long stop)
    {
        var slice = await image.Map.GetWritableSliceAsync(start).ConfigureAwait(false);
        var index = image.Map.IndexInSlice(start);
        if (image.Map.EntryAt(slice, index) != ClusterEntry.Unallocated) return _geometry.ClusterSize;
        var run = await image.Data.TakeAsync(
            _geometry.ClusterIndex(start), (stop - start) >> _geometry.ClusterBits).ConfigureAwait(false);
        try
        {
            if (!image.Data.IsExternal) await ProvideAsync(run).ConfigureAwait(false);
        }
        catch
        {
            await image.Data.GiveBackAsync(run).ConfigureAwait(false);
            throw;
        }
        for (var i = 0; i < run.Count; i++)
            slice = image.Map.SetEntry(slice, index + i, Provided((run.First + i) << _geometry.ClusterBits));
        return run.Count << _geometry.ClusterBits;
    }

    /// <summary>As QEMU: subclusters wait for their data, so that a backing file shows until then; clusters are data.</summary>
    private ClusterEntry Provided(long hostOffset) =>
        ClusterEntry.Unallocated.WithData(hostOffset, 0, _geometry.ExtendedL2 ? 0 : 1);

    /// <summary>The clusters become data that nobody writes, so they must exist and read as zeroes.</summary>
    private async ValueTask ProvideAsync(ClusterRun run)
    {
        var (offset, end) = (run.First << _geometry.ClusterBits, run.End << _geometry.ClusterBits);
        var isSpaceWanted = mode != PreallocationMode.Metadata;

        // What a device takes up is not the image's to say, even where it is large enough.
        if (isSpaceWanted
            && !image.File.Profile.Growable) await ExtendFileAsync(Math.Max(end, image.File.Length), mode).ConfigureAwait(false);
        if (offset < image.File.Length && (isSpaceWanted || !run.Untouched))
        {
            var flags = isSpaceWanted ? ZeroFlags.None : ZeroFlags.MayUnmap;
            await image.File.WriteZeroesAsync(offset, Math.Min(end, image.File.Length) - offset, flags).ConfigureAwait(false);
        }
        // Metadata before the run takes the space that it is written into.
        if (isSpaceWanted
            && offset > image.File.Length) await ExtendFileAsync(offset, PreallocationMode.Off).ConfigureAwait(false);
        if (end > image.File.Length) await ExtendFileAsync(
            end, isSpaceWanted ? mode : PreallocationMode.Off).ConfigureAwait(false);
    }

    private async ValueTask ExtendFileAsync(long length, PreallocationMode storage)
    {
        try
        {
            await image.File.ResizeAsync(length, new ResizeOptions(storage, MayExceed: true)).ConfigureAwait(false);
        }
        catch (BlockException e) when (storage != PreallocationMode.Off)
        {
            throw new BlockException(e.Kind, $"Failed to resize underlying file: {e.Message}", e.Errno, e);
        }
    }
}
