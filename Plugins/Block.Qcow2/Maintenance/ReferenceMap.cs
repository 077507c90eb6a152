// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Maintenance;

/// <summary>References counted to each host cluster; memory goes with the clusters in use, not with the file's length.</summary>
internal sealed class ReferenceMap : IClusterCounts
{
    private const int PageBits = 14;
    private const int PageSize = 1 << PageBits;

    private readonly Dictionary<long, uint[]> _pages = [];

    public long End { get; private set; }

    public uint this[long cluster] => _pages.TryGetValue(cluster >> PageBits, out var page) ? page[cluster & (PageSize - 1)] : 0;

    public ValueTask<ulong> GetAsync(long cluster) => new(this[cluster]);

    public void Add(long cluster)
    {
        if (!_pages.TryGetValue(cluster >> PageBits, out var page))
            _pages.Add(cluster >> PageBits, page = new uint[PageSize]);
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
}
