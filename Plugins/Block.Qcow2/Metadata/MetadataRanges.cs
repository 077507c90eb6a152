// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// The tables that take consecutive clusters: few of them, whatever their size. Read without a lock; changed under the
/// metadata lock.
/// </summary>
internal sealed class MetadataRanges
{
    private Entry[] _sorted = [];

    /// <summary>Kinds of all tables that lie in part in the run.</summary>
    public MetadataKinds In(long first, long count)
    {
        var sorted = Volatile.Read(ref _sorted);
        var kinds = MetadataKinds.None;
        for (var i = LastBefore(sorted, first + count); i >= 0 && sorted[i].MaxEnd > first; i--)
        {
            if (sorted[i].End > first) kinds |= sorted[i].Kind;
        }
        return kinds;
    }

    public void Add(IEnumerable<(long First, long Count, MetadataKinds Kind)> tables) =>
        Replace(_sorted.Concat(tables.Select(t => new Entry(t.First, t.First + t.Count, t.Kind, 0))));

    public void Remove(long first, long count, MetadataKinds kind) =>
        Replace(_sorted.Where(e => e.First != first || e.End != first + count || e.Kind != kind));

    private static int LastBefore(Entry[] sorted, long end)
    {
        var (low, high) = (0, sorted.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (sorted[middle].First < end) low = middle + 1;
            else high = middle;
        }
        return low - 1;
    }

    private void Replace(IEnumerable<Entry> entries)
    {
        var sorted = entries.OrderBy(e => e.First).ToArray();
        var most = 0L;
        for (var i = 0; i < sorted.Length; i++)
            sorted[i] = sorted[i] with { MaxEnd = most = Math.Max(most, sorted[i].End) };
        Volatile.Write(ref _sorted, sorted);
    }

    /// <param name="MaxEnd">The highest end of this entry and all before it.</param>
    private readonly record struct Entry(long First, long End, MetadataKinds Kind, long MaxEnd);
}
