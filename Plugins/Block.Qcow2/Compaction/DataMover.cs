// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Compaction;

/// <summary>
/// Moves data clusters that the disk owns alone. Only writes to the very clusters that move wait; the new entry becomes durable
/// by the next flush, behind the copy, and the old cluster is free after that.
/// </summary>
internal sealed class DataMover(Qcow2Image image, long limit)
{
    private const int StepBytes = 1 << 20;
    private const int MaxClusters = 256;

    private readonly ClusterGeometry _geometry = image.Geometry;
    private readonly int _most = Math.Clamp(StepBytes >> image.Geometry.ClusterBits, 1, MaxClusters);

    /// <summary>Moves the next few from a place of the disk on.</summary>
    /// <returns>Bytes moved, and where to go on: the disk's end when there are no more, or no room.</returns>
    public async ValueTask<(long Moved, long Next)> MoveAsync(long guestOffset, long end, CancellationToken cancellationToken)
    {
        while (guestOffset < end)
        {
            if (!new L1Entry(image.L1[_geometry.L1Index(guestOffset)]).Copied)
            {
                guestOffset = ((guestOffset >> _geometry.L2CoverageBits) + 1) << _geometry.L2CoverageBits;
                continue;
            }
            var stop = Math.Min(end, guestOffset + image.Map.ToSliceEnd(guestOffset));
            var (first, last) = await FindAsync(guestOffset, stop, cancellationToken).ConfigureAwait(false);
            guestOffset = stop;
            if (first < 0) continue;
            var moved = await MoveHeldAsync(first, last, cancellationToken).ConfigureAwait(false);
            return (moved << _geometry.ClusterBits, moved == 0 ? end : last);
        }
        return (0, end);
    }

    /// <summary>A part of what one slice maps with enough to move; may be out of date at once.</summary>
    private async ValueTask<(long First, long End)> FindAsync(long start, long end, CancellationToken cancellationToken)
    {
        var (first, last, count) = (-1L, start, 0);
        for (var at = start; at < end && count < _most;)
        {
            var extent = await image.Map.LookupAsync(at, _geometry.ClusterSize, splitOwned: true, cancellationToken)
                .ConfigureAwait(false);
            at = _geometry.ClusterStart(at) + _geometry.ClusterSize;
            if (!IsToMove(extent.Entry)) continue;
            if (first < 0) first = at - _geometry.ClusterSize;
            last = at;
            count++;
        }
        return (first, last);
    }

    private bool IsToMove(ClusterEntry entry) =>
        entry.IsOwned && entry.IsSound(_geometry) && _geometry.ClusterIndex(entry.HostOffset) >= limit;

    private async ValueTask<long> MoveHeldAsync(long first, long end, CancellationToken cancellationToken)
    {
        await image.RelieveAsync(cancellationToken).ConfigureAwait(false);
        using var hold = await image.Hold.HoldAsync(first, end, cancellationToken).ConfigureAwait(false);
        var moves = new List<Move>();
        try
        {
            await image.ChangeAsync(() => PlanAsync(first, end, moves), cancellationToken).ConfigureAwait(false);
            await CopyAsync(moves).ConfigureAwait(false);
            using (await image.Gate.AcquireAsync(CancellationToken.None).ConfigureAwait(false))
                await LinkAsync(moves).ConfigureAwait(false);
            return moves.Count;
        }
        catch
        {
            using (await image.Gate.AcquireAsync(CancellationToken.None).ConfigureAwait(false))
            {
                foreach (var move in moves.Where(m => !m.IsDone))
                    await image.Allocator.ReleaseAsync(new ClusterRun(move.To, 1)).ConfigureAwait(false);
            }
            throw;
        }
    }

    private async ValueTask<bool> PlanAsync(long first, long end, List<Move> moves)
    {
        for (var at = first; at < end; at += _geometry.ClusterSize)
        {
            var entry = (await image.Map.LookupAsync(at, _geometry.ClusterSize, splitOwned: true, CancellationToken.None)
                .ConfigureAwait(false)).Entry;
            if (!IsToMove(entry)) continue;
            if (await image.Allocator.TryAllocateBelowAsync(1, limit).ConfigureAwait(false) is not { } run) return false;
            moves.Add(new Move(at, entry, run.First));
        }
        return true;
    }

    /// <summary>What is not read from a cluster need not be copied.</summary>
    private async ValueTask CopyAsync(List<Move> moves)
    {
        for (var i = 0; i < moves.Count;)
        {
            var from = _geometry.ClusterIndex(moves[i].Entry.HostOffset);
            var run = new ClusterRun(moves[i].To, 1);
            if (moves[i++].Entry.Subclusters.Allocated == 0) continue;
            while (i < moves.Count && moves[i].To == run.End && moves[i].Entry.Subclusters.Allocated != 0
                && _geometry.ClusterIndex(moves[i].Entry.HostOffset) == from + run.Count)
            {
                run = run with { Count = run.Count + 1 };
                i++;
            }
            await ClusterCopy.RunDataAsync(image, from, run).ConfigureAwait(false);
        }
    }

    private async ValueTask LinkAsync(List<Move> moves)
    {
        foreach (var move in moves)
        {
            var slice = await image.Map.GetWritableSliceAsync(move.GuestOffset).ConfigureAwait(false);
            var index = image.Map.IndexInSlice(move.GuestOffset);
            move.IsDone = true;
            if (image.Map.EntryAt(slice, index) != move.Entry)
            {
                await image.Allocator.ReleaseAsync(new ClusterRun(move.To, 1)).ConfigureAwait(false);
                continue;
            }
            image.Map.SetEntry(
                slice, index, move.Entry with { Descriptor = L2Entry.Owned(move.To << _geometry.ClusterBits) });
            image.Map.Retire(move.Entry, passDown: false);
        }
    }

    private sealed record Move(long GuestOffset, ClusterEntry Entry, long To)
    {
        public bool IsDone { get; set; }
    }
}
