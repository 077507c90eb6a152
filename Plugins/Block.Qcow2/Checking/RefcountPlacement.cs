// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>Where a new refcount structure goes: a cluster for each block, and a run of them for the table.</summary>
internal abstract class RefcountPlacement
{
    public abstract long TableStart { get; }

    /// <summary>One more than the highest cluster that is taken.</summary>
    public abstract long End { get; }

    public abstract long Block(int index);

    public abstract bool Contains(long cluster);

    public abstract bool HasAny(long first, long count);

    /// <summary>The same with fewer blocks.</summary>
    public abstract RefcountPlacement WithBlocks(int count);

    /// <summary>All in one row, the table last.</summary>
    public static RefcountPlacement Behind(long start, long blocks, long tableClusters) => new Row(start, blocks, tableClusters);

    /// <summary>In whatever is free below <paramref name="limit"/>, from the start on: a device does not grow.</summary>
    /// <exception cref="BlockException">There is not as much room.</exception>
    public static async ValueTask<RefcountPlacement> WithinAsync(
        IClusterCounts references, long limit, long blocks, long tableClusters)
    {
        var table = -1L;
        var free = new List<long>();
        var run = 0L;
        for (var cluster = 0L; cluster < limit && (table < 0 || free.Count < blocks); cluster++)
        {
            if (!await references.IsFreeAsync(cluster).ConfigureAwait(false))
            {
                run = 0;
                continue;
            }
            free.Add(cluster);
            if (++run != tableClusters || table >= 0) continue;
            table = cluster + 1 - tableClusters;
            free.RemoveRange(free.Count - (int)tableClusters, (int)tableClusters);
        }
        return table >= 0 && free.Count >= blocks
            ? new Scattered([.. free.Take((int)blocks)], table, tableClusters)
            : throw new BlockException(BlockErrorKind.NoSpace, "No room is left for a new refcount structure", Errno.ENOSPC);
    }

    private sealed class Row(long start, long blocks, long tableClusters) : RefcountPlacement
    {
        public override long TableStart => start + blocks;

        public override long End => TableStart + tableClusters;

        public override long Block(int index) => start + index;

        public override bool Contains(long cluster) => cluster >= start && cluster < End;

        public override bool HasAny(long first, long count) => first < End && first + count > start;

        public override RefcountPlacement WithBlocks(int count) => new Row(start, count, tableClusters);
    }

    private sealed class Scattered(long[] blocks, long table, long tableClusters) : RefcountPlacement
    {
        public override long TableStart => table;

        public override long End => Math.Max(table + tableClusters, blocks.Length == 0 ? 0 : blocks[^1] + 1);

        public override long Block(int index) => blocks[index];

        public override bool Contains(long cluster) =>
            (cluster >= table && cluster < table + tableClusters) || Array.BinarySearch(blocks, cluster) >= 0;

        public override bool HasAny(long first, long count)
        {
            if (first < table + tableClusters && first + count > table) return true;
            var at = Array.BinarySearch(blocks, first);
            return at >= 0 || (~at < blocks.Length && blocks[~at] < first + count);
        }

        public override RefcountPlacement WithBlocks(int count) => new Scattered(blocks[..count], table, tableClusters);
    }
}
