// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qcow2.Maintenance;

/// <summary>
/// References counted to each host cluster; memory goes with the clusters in use, not with the file's length, and has a
/// limit that no sound image of less than some hundred terabytes reaches.
/// </summary>
internal sealed class ReferenceMap : IClusterCounts
{
    private const int PageBits = 8;
    private const int PageSize = 1 << PageBits;
    private const int MaxPages = 1 << 21;

    private readonly Dictionary<long, uint[]> _pages = [];
    private long _lastIndex = -1;
    private uint[] _lastPage = [];

    public long End { get; private set; }

    public uint this[long cluster] => Find(cluster >> PageBits) is { } page ? page[cluster & (PageSize - 1)] : 0;

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
        var page = Find(cluster >> PageBits) ?? AddPage(cluster >> PageBits);
        page[cluster & (PageSize - 1)]++;
        End = Math.Max(End, cluster + 1);
    }

    public bool MayHaveAny(long first, long count)
    {
        if (count >> PageBits > _pages.Count) return _pages.Keys.Any(p => p >= first >> PageBits && p <= (first + count - 1) >> PageBits);
        for (var page = first >> PageBits; page <= (first + count - 1) >> PageBits; page++)
        {
            if (_pages.ContainsKey(page)) return true;
        }
        return false;
    }

    private uint[]? Find(long index)
    {
        if (index == _lastIndex) return _lastPage;
        if (!_pages.TryGetValue(index, out var page)) return null;
        (_lastIndex, _lastPage) = (index, page);
        return page;
    }

    private uint[] AddPage(long index)
    {
        if (_pages.Count == MaxPages)
            throw new BlockException(BlockErrorKind.InvalidArgument, "The image has too many references to count in memory", Errno.ENOMEM);
        var page = new uint[PageSize];
        _pages.Add(index, page);
        (_lastIndex, _lastPage) = (index, page);
        return page;
    }
}
