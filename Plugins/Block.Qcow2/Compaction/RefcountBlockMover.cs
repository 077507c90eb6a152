// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Compaction;

/// <summary>Lets refcount blocks of empty parts of the file go, and moves others. In a quiet image.</summary>
/// <remarks>
/// <code>
/// new place counted ─barrier─► copy ─barrier─► table ─barrier─► old block given up
/// </code>
/// </remarks>
internal sealed class RefcountBlockMover(Qcow2Image image, long limit)
{
    private const int StepBytes = 1 << 20;

    private readonly ClusterGeometry _geometry = image.Geometry;

    /// <summary>Blocks that count nothing but themselves, behind all else.</summary>
    public async ValueTask DropEmptyAsync()
    {
        var table = image.Allocator.Table;
        var dropped = false;
        for (var region = table.Count - 1L; region << _geometry.RefblockBits >= limit; region--)
        {
            var block = _geometry.ClusterIndex((long)(table[region] & MetadataSurvey.RefcountBlockMask));
            if (block == 0) continue;
            if (!await CountsNothingButAsync(region, block).ConfigureAwait(false)) break;
            image.Allocator.DropBlock(region);
            dropped = true;
        }
        if (dropped) await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
    }

    public async ValueTask<long> MoveAsync()
    {
        var table = image.Allocator.Table;
        var moves = new List<(long Region, long From, long To)>();
        try
        {
            for (var region = 0L; region < table.Count && moves.Count < Math.Max(1, StepBytes >> _geometry.ClusterBits); region++)
            {
                var from = _geometry.ClusterIndex((long)(table[region] & MetadataSurvey.RefcountBlockMask));
                if (from < limit) continue;
                if (await image.Allocator.TryAllocateBelowAsync(1, limit).ConfigureAwait(false) is not { } to) break;
                moves.Add((region, from, to.First));
            }
            if (moves.Count == 0) return 0;

            // A block counts its own new place, and others': all that is on disk before any is copied.
            await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
            foreach (var (_, from, to) in moves)
                await ClusterCopy.RunAsync(image, from, new ClusterRun(to, 1)).ConfigureAwait(false);
            await image.File.FlushAsync().ConfigureAwait(false);
        }
        catch
        {
            foreach (var (_, _, to) in moves) await image.Allocator.SetRefcountAsync(to, 0).ConfigureAwait(false);
            throw;
        }
        foreach (var (region, _, to) in moves) image.Allocator.MoveBlock(region, to << _geometry.ClusterBits);
        await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
        foreach (var (_, from, _) in moves) image.Allocator.Retire(new ClusterRun(from, 1));
        return (long)moves.Count << _geometry.ClusterBits;
    }

    private async ValueTask<bool> CountsNothingButAsync(long region, long block)
    {
        var first = region << _geometry.RefblockBits;
        for (var cluster = first; cluster < first + _geometry.RefblockEntries;)
        {
            var counts = await image.Allocator.GetRefcountsAsync(cluster).ConfigureAwait(false);
            var free = counts.CountEqual(0, counts.Count, 0);
            cluster += free;
            if (free == counts.Count) continue;
            if (cluster != block || counts.CountEqual(free, 1, 1) == 0) return false;
            cluster++;
        }
        return true;
    }
}
