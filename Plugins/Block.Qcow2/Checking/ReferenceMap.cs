// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>
/// References counted to each host cluster: one byte a cluster, none where neighbours have the same count, four where one is
/// referred to more often than a byte can say. Memory goes with the clusters in use, not with the file's length, and has a limit
/// that no sound image of less than some hundred terabytes reaches.
/// </summary>
internal sealed class ReferenceMap : IClusterCounts
{
    private const int PageBits = 10;
    private const int PageSize = 1 << PageBits;
    private const int MaxPages = 1 << 21;
    private const ulong OneEach = 0x0101_0101_0101_0101;

    private readonly Dictionary<long, Page> _pages = [];
    private long _lastIndex = -1;
    private Page? _lastPage;

    public long End { get; private set; }

    public uint this[long cluster] => Find(cluster >> PageBits)?[IndexOf(cluster)] ?? 0;

    /// <summary>Clusters with a reference, in order.</summary>
    public IEnumerable<(long Cluster, uint Count)> All =>
        from page in _pages.OrderBy(p => p.Key)
        from index in Enumerable.Range(0, PageSize)
        where page.Value[index] > 0
        select ((page.Key << PageBits) + index, page.Value[index]);

    public ValueTask<ulong> GetAsync(long cluster) => new(this[cluster]);

    public ValueTask<bool> IsFreeAsync(long cluster) => new(this[cluster] == 0);

    public void Add(long cluster)
    {
        PageFor(cluster >> PageBits).Add(IndexOf(cluster));
        End = Math.Max(End, cluster + 1);
    }

    /// <summary>Counts one more reference to each cluster of a run.</summary>
    /// <param name="most">No cluster is counted more often.</param>
    /// <returns>How many of them were counted: up to the first that may need a look by itself.</returns>
    public long AddRun(long first, long count, ulong most)
    {
        for (var done = 0L; done < count;)
        {
            var cluster = first + done;
            var part = (int)Math.Min(count - done, PageSize - IndexOf(cluster));
            if (!PageFor(cluster >> PageBits).TryAddToAll(IndexOf(cluster), part, most)) return done;
            done += part;
            End = Math.Max(End, cluster + part);
        }
        return count;
    }

    public bool MayHaveAny(long first, long count)
    {
        if (count >> PageBits > _pages.Count) return _pages.Keys.Any(p => p >= first >> PageBits
            && p <= (first + count - 1) >> PageBits);
        for (var page = first >> PageBits; page <= (first + count - 1) >> PageBits; page++)
        {
            if (_pages.ContainsKey(page)) return true;
        }
        return false;
    }

    private static int IndexOf(long cluster) => (int)(cluster & (PageSize - 1));

    private Page PageFor(long index) => Find(index) ?? AddPage(index);

    private Page? Find(long index)
    {
        if (index == _lastIndex) return _lastPage;
        if (!_pages.TryGetValue(index, out var page)) return null;
        (_lastIndex, _lastPage) = (index, page);
        return page;
    }

    private Page AddPage(long index)
    {
        if (_pages.Count == MaxPages)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "The image has too many references to count in memory", Errno.ENOMEM);
        var page = new Page();
        _pages.Add(index, page);
        (_lastIndex, _lastPage) = (index, page);
        return page;
    }

    /// <summary>One count for all clusters of a page while it is the same, as in most pages of a full image.</summary>
    private sealed class Page
    {
        private byte _same;
        private byte[]? _narrow;
        private uint[]? _wide;

        public uint this[int index] => _wide is not null ? _wide[index] : _narrow is not null ? _narrow[index] : _same;

        public void Add(int index)
        {
            if (this[index] >= byte.MaxValue) Widen();
            if (_wide is null) Narrow()[index]++;
            else _wide[index]++;
        }

        public bool TryAddToAll(int index, int count, ulong most)
        {
            if (_wide is not null) return false;
            if (_narrow is null && count == PageSize)
            {
                if (_same >= Math.Min(most, byte.MaxValue)) return false;
                _same++;
                return true;
            }
            var page = Narrow();
            var counts = page.AsSpan(index, count);
            if (counts.ContainsAnyInRange((byte)Math.Min(most, byte.MaxValue), byte.MaxValue)) return false;

            // No count is as large as a byte can hold, so none carries into its neighbour.
            var words = MemoryMarshal.Cast<byte, ulong>(counts);
            foreach (ref var word in words) word += OneEach;
            foreach (ref var cell in counts[(words.Length * sizeof(ulong))..]) cell++;
            if (!page.AsSpan().ContainsAnyExcept(page[0])) (_same, _narrow) = (page[0], null);
            return true;
        }

        private byte[] Narrow()
        {
            if (_narrow is not null) return _narrow;
            _narrow = new byte[PageSize];
            _narrow.AsSpan().Fill(_same);
            return _narrow;
        }

        private void Widen()
        {
            _wide ??= Array.ConvertAll(Narrow(), count => (uint)count);
            _narrow = null;
        }
    }
}
