// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;

namespace BlockHost.Copying;

/// <summary>
/// Copies every pending cluster of a disk once, as it was at one moment, although the disk goes on being written:
/// <code>
///   guest's write ─► pending? ─ no ─► source          a copy:  lock the range ─► read source ─► write target ─► not pending
///                       └ yes ─► copy ─► source
/// </code>
/// A cluster is pending until its old data is on the target, and while it is, whoever wants to write it copies it first. So
/// a cluster that is not pending takes no lock, and the source of a copy cannot change under it.
/// </summary>
/// <param name="pending">A unit is a cluster. Owned by the caller; only cleared here.</param>
/// <param name="readers">Of the target, where it shows the source as its backing file: a cluster stays pending until those are
/// past it that may have begun to read it from the source.</param>
public sealed class ClusterCopier(
    IBlockChild source,
    IBlockChild target,
    IDirtyBitmap pending,
    IIoBufferPool buffers,
    ClusterCopyOptions options,
    IReadTracker? readers = null)
{
    private const long LongestLook = 512 << 20;

    private readonly RangeLock _ranges = new();
    private readonly long _cluster = options.ClusterSize;
    private readonly long _piece = Math.Max(options.ClusterSize, options.MaxBytes / options.ClusterSize * options.ClusterSize);

    /// <summary>Bytes of clusters that are on the target now. Called on any thread.</summary>
    public Action<long>? Copied { get; set; }

    /// <summary>Bytes of clusters that need not be copied. Called on any thread.</summary>
    public Action<long>? Skipped { get; set; }

    /// <summary>Bytes of the largest piece that is copied with one buffer.</summary>
    public long PieceSize => _piece;

    /// <summary>
    /// Tracks the readers of a target that shows the source, as its backing file or below that; null for any other.
    /// </summary>
    public static IReadTracker? TrackReaders(IGraphNode source, IGraphNode target) =>
        Reaches(target, source) ? target.TrackReads() : null;

    /// <summary>Whether any cluster that the range touches has yet to be copied.</summary>
    public bool IsPending(long offset, long bytes)
    {
        var start = offset - (offset % _cluster);
        return pending.TryFindDirty(start, offset + bytes, _cluster, out _);
    }

    /// <summary>The next pending range from <paramref name="offset"/> on, no longer than a piece.</summary>
    public bool TryFindPending(long offset, out DirtyRange range) =>
        pending.TryFindDirty(offset, pending.Length, _piece, out range);

    /// <summary>
    /// Copies what is pending of the clusters that the range touches; what others are copying of them is waited for.
    /// </summary>
    public async ValueTask<CopyResult> CopyAsync(long offset, long bytes)
    {
        var end = Math.Min(RoundUp(offset + bytes), pending.Length);
        for (var start = offset - (offset % _cluster); start < end; start += _piece)
        {
            var result = await CopyPieceAsync(start, Math.Min(end, start + _piece)).ConfigureAwait(false);
            if (!result.Status.IsOk)
                return result;
        }

        return CopyResult.Ok;
    }

    /// <summary>
    /// Lets go of the clusters from <paramref name="offset"/> on that are from backing files, or of none where the top has them.
    /// </summary>
    /// <returns>Bytes looked at, whole clusters.</returns>
    public async ValueTask<long> SkipUnallocatedAsync(long offset)
    {
        var end = Math.Min(offset + LongestLook, pending.Length);
        using var hold = await _ranges.EnterAsync(offset, end - offset, exclusive: true).ConfigureAwait(false);
        var run = await AllocationAsync(offset, end).ConfigureAwait(false);
        if (run is { Allocated: false } below)
            Skip(offset, below.Bytes);
        return run?.Bytes ?? Math.Min(_cluster, end - offset);
    }

    /// <summary>Reads the disk as it was: what is pending from the source, the rest from the target.</summary>
    public async ValueTask ReadAsync(long offset, IoSlice to, CancellationToken cancellationToken)
    {
        using var hold = await _ranges.EnterAsync(offset, to.Length, exclusive: false).ConfigureAwait(false);
        for (var done = 0L; done < to.Length;)
        {
            var run = pending.GetRun(offset + done, to.Length - done);
            await (run.Dirty ? source : target).ReadAsync(
                offset + done, to.Slice(done, run.Bytes), ReadFlags.None, cancellationToken).ConfigureAwait(false);
            done += run.Bytes;
        }
    }

    /// <summary>What a run of the disk read as.</summary>
    public async ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        using var hold = await _ranges.EnterAsync(offset, bytes, exclusive: false).ConfigureAwait(false);
        var run = pending.GetRun(offset, bytes);
        var state = await (run.Dirty ? source : target).GetChainStatusAsync(
            offset, run.Bytes, precision, cancellationToken).ConfigureAwait(false);
        if (!state.Status.IsOk)
            throw new BlockException(BlockErrorKind.Io, $"Cannot tell the state of {offset}", state.Status.Errno)
            { Offset = offset };
        return new BlockStatus(
            Math.Min(state.Bytes, run.Bytes),
            (state.Flags & (BlockStatusFlags.Data | BlockStatusFlags.Zero)) | BlockStatusFlags.Allocated);
    }

    private async ValueTask<CopyResult> CopyPieceAsync(long start, long end)
    {
        using var hold = await _ranges.EnterAsync(start, end - start, exclusive: true).ConfigureAwait(false);
        for (var at = start; pending.TryFindDirty(at, end, _piece, out var run); at = run.End)
        {
            var result = await CopyRunAsync(run.Offset, run.End).ConfigureAwait(false);
            if (!result.Status.IsOk)
                return result;
        }

        return CopyResult.Ok;
    }

    /// <summary>Copies a run of pending clusters in the lock: what is alike at a time.</summary>
    private async ValueTask<CopyResult> CopyRunAsync(long start, long end)
    {
        for (var at = start; at < end;)
        {
            var (kind, bytes) = await NextAsync(at, end).ConfigureAwait(false);
            if (kind == RunKind.Below)
            {
                Skip(at, bytes);
            }
            else
            {
                var result = kind == RunKind.Zero
                    ? await WriteZeroesAsync(at, bytes).ConfigureAwait(false)
                    : await CopyDataAsync(at, bytes).ConfigureAwait(false);
                if (!result.Status.IsOk)
                    return result;
                if (readers is not null)
                    await readers.WhenPastAsync(at, bytes).ConfigureAwait(false);
                Clear(at, bytes, Copied);
            }

            at += bytes;
        }

        return CopyResult.Ok;
    }

    private async ValueTask<(RunKind Kind, long Bytes)> NextAsync(long start, long end)
    {
        if (options.OnlyTop && await AllocationAsync(start, end).ConfigureAwait(false) is { } run)
        {
            if (!run.Allocated)
                return (RunKind.Below, run.Bytes);
            end = start + run.Bytes;
        }

        for (var at = start; at < end;)
        {
            var (zero, bytes) = await ZeroesAsync(at, end).ConfigureAwait(false);
            if (zero)
                return at == start ? (RunKind.Zero, bytes) : (RunKind.Data, at - start);
            at += bytes;
        }

        return (RunKind.Data, end - start);
    }

    /// <summary>A run of whole clusters that read as zeroes, or one to be copied as data.</summary>
    private async ValueTask<(bool Zero, long Bytes)> ZeroesAsync(long start, long end)
    {
        var run = await StatusAsync(start, end, StatusPrecision.WantZero).ConfigureAwait(false);
        // Where the state cannot be told, the data still can be read.
        if (!run.Status.IsOk)
            return (false, end - start);
        var whole = start + run.Bytes < end ? run.Bytes - (run.Bytes % _cluster) : run.Bytes;
        return (run.Flags & BlockStatusFlags.Zero) != 0 && whole > 0
            ? (true, whole)
            : (false, Math.Min(RoundUp(run.Bytes), end - start));
    }

    /// <summary>
    /// How far clusters are alike: the top's, which they are as soon as any part is, or wholly from below. Null: it cannot be
    /// told.
    /// </summary>
    private async ValueTask<(bool Allocated, long Bytes)?> AllocationAsync(long start, long end)
    {
        for (var at = start; at < end;)
        {
            var run = await StatusAsync(at, end, StatusPrecision.AllocationOnly).ConfigureAwait(false);
            if (!run.Status.IsOk)
                return null;
            if (run.Depth == 0)
            {
                var below = at - (at % _cluster) - start;
                return below > 0 ? (false, below) : (true, Math.Min(RoundUp(at + run.Bytes), end) - start);
            }

            at += run.Bytes;
        }

        return (false, end - start);
    }

    private async ValueTask<(IoStatus Status, long Bytes, BlockStatusFlags Flags, int Depth)> StatusAsync(
        long start, long end, StatusPrecision precision)
    {
        try
        {
            var run = await source.GetChainStatusAsync(start, end - start, precision).ConfigureAwait(false);
            return (run.Status, Math.Min(run.Bytes, end - start), run.Flags, run.Depth);
        }
        catch (BlockException e)
        {
            return (new IoStatus(e.Errno), 0, BlockStatusFlags.None, 0);
        }
    }

    private async ValueTask<CopyResult> WriteZeroesAsync(long offset, long bytes)
    {
        try
        {
            await target.WriteZeroesAsync(offset, bytes, ZeroFlags.MayUnmap).ConfigureAwait(false);
            return CopyResult.Ok;
        }
        catch (BlockException e)
        {
            return new(new IoStatus(e.Errno), IsRead: false);
        }
    }

    private async ValueTask<CopyResult> CopyDataAsync(long offset, long bytes)
    {
        var reading = true;
        try
        {
            using var buffer = buffers.Rent((int)bytes);
            await source.ReadAsync(offset, buffer.Memory).ConfigureAwait(false);
            reading = false;
            await target.WriteAsync(
                offset, buffer.Memory, options.Compress ? WriteFlags.Compressed : WriteFlags.None).ConfigureAwait(false);
            return CopyResult.Ok;
        }
        catch (BlockException e)
        {
            return new(new IoStatus(e.Errno), reading);
        }
    }

    private void Skip(long offset, long bytes) => Clear(offset, bytes, Skipped);

    private void Clear(long offset, long bytes, Action<long>? told)
    {
        var clusters = 0L;
        for (var at = offset; pending.TryFindDirty(at, offset + bytes, bytes, out var run); at = run.End)
            clusters += RoundUp(run.Bytes);
        pending.Reset(offset, bytes);
        told?.Invoke(clusters);
    }

    /// <summary>Not only along a backing chain: a "raw" node in between shows the source just as well.</summary>
    private static bool Reaches(IGraphNode top, IGraphNode wanted)
    {
        var seen = new HashSet<IGraphNode> { top };
        var open = new Stack<IGraphNode>(seen);
        while (open.TryPop(out var node))
        {
            foreach (var child in node.Children.Select(edge => edge.Child).Where(seen.Add))
                open.Push(child);
        }

        return seen.Contains(wanted);
    }

    private long RoundUp(long bytes) => (bytes + _cluster - 1) / _cluster * _cluster;

    private enum RunKind
    {
        Data = 0,
        Zero = 1,

        /// <summary>From a backing file.</summary>
        Below = 2,
    }
}
