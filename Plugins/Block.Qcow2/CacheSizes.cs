// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2;

/// <summary>How much memory an image's tables may take, by QEMU's rules and in its words.</summary>
/// <remarks>
/// <code>
/// cache-size    l2-cache-size    refcount-cache-size
///     -               -                  -             32 MiB for L2, four clusters or 256 KiB for refcounts
///     -              set or              set           as set
///     T               L                  -             L, T - L
///     T               -                  R             T - R, R
///     T               -                  -             all of L2 if it fits beside four clusters, else the larger part
/// </code>
/// An image never takes more for L2 than its tables are large. Four clusters of 64 KiB are 256 KiB; where clusters are smaller,
/// four would hold so few counts that nearly every allocation had to be flushed before the next.
/// </remarks>
internal readonly record struct CacheSizes(long L2, long Refcounts)
{
    private const long DefaultL2 = 32L << 20;
    private const int MinRefcountClusters = 4;
    private const long LeastDefaultRefcounts = 256 << 10;

    /// <exception cref="BlockException">The options contradict each other.</exception>
    public static CacheSizes Read(Qcow2Options options, Qcow2Header header, long l2EntrySize)
    {
        RefuseNegative("cache-size", options.CacheSize);
        RefuseNegative("l2-cache-size", options.L2CacheSize);
        RefuseNegative("refcount-cache-size", options.RefcountCacheSize);
        var sizes = Split(options, header);
        if (Math.Min(sizes.L2, TablesOf(header)) / l2EntrySize > int.MaxValue) throw Refuse("L2 cache size too big");
        if (sizes.Refcounts >> header.ClusterBits > int.MaxValue) throw Refuse("Refcount cache size too big");
        return sizes;
    }

    /// <summary>QEMU's text for a size that is none.</summary>
    public static void RefuseNegative(string name, long? size)
    {
        if (size >= 0 || size is null) return;
        throw new BlockException(ParameterFault.OutOfRange(name, "a non-negative number below 2^64"))
        {
            Hint = "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.\n",
        };
    }

    private static CacheSizes Split(Qcow2Options options, Qcow2Header header)
    {
        var leastRefcounts = (long)MinRefcountClusters << header.ClusterBits;
        if (options.CacheSize is not { } total)
            return new(
                options.L2CacheSize ?? DefaultL2, options.RefcountCacheSize ?? Math.Max(leastRefcounts, LeastDefaultRefcounts));
        if (options is { L2CacheSize: not null, RefcountCacheSize: not null })
            throw Refuse("cache-size, l2-cache-size and refcount-cache-size may not be set at the same time");
        if (options.L2CacheSize > total) throw Refuse("l2-cache-size may not exceed cache-size");
        if (options.RefcountCacheSize > total) throw Refuse("refcount-cache-size may not exceed cache-size");
        if (options.L2CacheSize is { } l2) return new(l2, total - l2);
        if (options.RefcountCacheSize is { } refcounts) return new(total - refcounts, refcounts);
        var tables = TablesOf(header);
        if (total - leastRefcounts >= tables) return new(tables, total - tables);
        var rest = Math.Min(leastRefcounts, total);
        return new(total - rest, rest);
    }

    /// <summary>Bytes of all L2 tables that the disk can have.</summary>
    private static long TablesOf(Qcow2Header header)
    {
        var geometry = header.Geometry();
        var bytes = geometry.ClustersFor(header.Size) * geometry.L2EntrySize;
        return geometry.ClustersFor(bytes) << geometry.ClusterBits;
    }

    private static BlockException Refuse(string message) => new(BlockErrorKind.InvalidArgument, message);
}
