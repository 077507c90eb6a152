// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>Refcounts of consecutive clusters, as they lie in a block; none at all for a part of the file without one.</summary>
internal readonly record struct RefcountRun(ReadOnlyMemory<byte> Block, int First, int Count, int Order)
{
    public static RefcountRun Zeroes(int count) => new(default, 0, count, 0);

    /// <summary>
    /// Clusters from <paramref name="index"/> on, at most <paramref name="most"/>, whose refcount is <paramref name="value"/>.
    /// </summary>
    public int CountEqual(int index, int most, ulong value)
    {
        var end = Math.Min(Count, index + most);
        if (Block.IsEmpty) return value == 0 ? end - index : 0;
        var block = Block.Span;
        var at = index;
        while (at < end && RefcountCodec.Read(block, First + at, Order) == value) at++;
        return at - index;
    }

    /// <summary>Clusters from <paramref name="index"/> on, at most <paramref name="most"/>, that are in use.</summary>
    public int CountUsed(int index, int most)
    {
        if (Block.IsEmpty) return 0;
        var block = Block.Span;
        var end = Math.Min(Count, index + most);
        var at = index;
        while (at < end && RefcountCodec.Read(block, First + at, Order) != 0) at++;
        return at - index;
    }
}
