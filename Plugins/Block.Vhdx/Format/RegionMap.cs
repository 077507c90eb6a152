// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vhdx.Format;

/// <summary>The headers, the log and the regions of a file, none of which lies on another.</summary>
internal sealed class RegionMap
{
    /// <summary>By offset.</summary>
    private readonly List<Region> _regions = [];

    /// <summary>The end of the last one.</summary>
    public long End => _regions.Count == 0 ? 0 : _regions[^1].End;

    /// <summary>The caller has seen that it overlaps with none.</summary>
    public void Add(Region region) => _regions.Insert(CountBefore(region.Offset), region);

    public Region? Find(Guid id) => _regions.FindIndex(region => region.Id == id) is >= 0 and var index ? _regions[index] : null;

    /// <summary>The same regions, one of them elsewhere.</summary>
    public RegionMap With(Region moved)
    {
        var copy = new RegionMap();
        foreach (var region in _regions.Where(region => region.Id != moved.Id).Append(moved))
            copy.Add(region);
        return copy;
    }

    /// <summary>The last region that a range of the file touches.</summary>
    public Region? FindOverlap(long start, long end) =>
        CountBefore(end) is > 0 and var count && _regions[count - 1].End > start ? _regions[count - 1] : null;

    /// <summary>How many begin before an offset.</summary>
    private int CountBefore(long offset)
    {
        var (low, high) = (0, _regions.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _regions[middle].Offset < offset ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
