// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2;

/// <summary>Checks options against each other and against the image, in QEMU's words.</summary>
internal static class Qcow2SettingsReader
{
    private const int DefaultL2Entry = 4096;
    private const int DefaultCleanInterval = 600;

    /// <summary>What a timer can wait for.</summary>
    private static readonly TimeSpan MaxCleanInterval = TimeSpan.FromDays(49);

    public static Qcow2Settings Read(Qcow2Options options, Qcow2Header header, IBlockNodeContext context)
    {
        if (options.LazyRefcounts == true && header.Version < 3)
            throw Refuse("Lazy refcounts require a qcow2 image with at least qemu 1.1 compatibility level");
        if (options.DiscardNoUnref == true && header.Version < 3)
            throw Refuse("discard-no-unref is only supported since qcow2 version 3");
        var interval = options.CacheCleanInterval ?? DefaultCleanInterval;
        if (interval is < 0 or > uint.MaxValue)
            throw Refuse("Cache clean interval too big");
        var l2EntrySize = L2EntrySize(options, header);
        var caches = CacheSizes.Read(options, header, l2EntrySize);
        return new Qcow2Settings
        {
            Writable = !context.ReadOnly,
            ForRepair = context.ForRepair,
            LazyRefcounts = options.LazyRefcounts ?? header.HasLazyRefcounts,
            L2CacheBytes = caches.L2,
            L2SliceBytes = l2EntrySize,
            RefcountCacheBytes = caches.Refcounts,
            CacheCleanInterval = interval > MaxCleanInterval.TotalSeconds ? MaxCleanInterval : TimeSpan.FromSeconds(interval),
            OverlapCheck = Overlap(options.OverlapCheck?.Flags),
            PassDiscardRequest = options.PassDiscardRequest ?? context.DiscardUnmap,
            DiscardNoUnref = options.DiscardNoUnref ?? false,
            PassDiscardSnapshot = options.PassDiscardSnapshot ?? true,
            PassDiscardOther = options.PassDiscardOther ?? false,
            BitmapCheckpoint = options.BitmapCheckpoint ?? false,
        };
    }

    private static int L2EntrySize(Qcow2Options options, Qcow2Header header)
    {
        var clusterSize = 1L << header.ClusterBits;
        CacheSizes.RefuseNegative("l2-cache-entry-size", options.L2CacheEntrySize);
        var size = options.L2CacheEntrySize ?? Math.Min(DefaultL2Entry, clusterSize);
        if (size < 512 || size > clusterSize || !BitOperations.IsPow2(size))
            throw Refuse($"L2 cache entry size must be a power of two between 512 and the cluster size ({clusterSize})");
        return (int)size;
    }

    private static MetadataKinds Overlap(Qcow2OverlapCheckFlags? flags)
    {
        var kinds = flags?.Template switch
        {
            Qcow2OverlapCheckMode.None => MetadataKinds.None,
            Qcow2OverlapCheckMode.Constant => MetadataKinds.Constant,
            Qcow2OverlapCheckMode.All => MetadataKinds.All,
            _ => MetadataKinds.Cached,
        };
        if (flags is null) return kinds;
        kinds = With(kinds, MetadataKinds.MainHeader, flags.MainHeader);
        kinds = With(kinds, MetadataKinds.ActiveL1, flags.ActiveL1);
        kinds = With(kinds, MetadataKinds.ActiveL2, flags.ActiveL2);
        kinds = With(kinds, MetadataKinds.RefcountTable, flags.RefcountTable);
        kinds = With(kinds, MetadataKinds.RefcountBlock, flags.RefcountBlock);
        kinds = With(kinds, MetadataKinds.SnapshotTable, flags.SnapshotTable);
        kinds = With(kinds, MetadataKinds.InactiveL1, flags.InactiveL1);
        kinds = With(kinds, MetadataKinds.InactiveL2, flags.InactiveL2);
        return With(kinds, MetadataKinds.BitmapDirectory, flags.BitmapDirectory);
    }

    private static MetadataKinds With(MetadataKinds kinds, MetadataKinds kind, bool? on) => on switch
    {
        true => kinds | kind,
        false => kinds & ~kind,
        null => kinds,
    };

    private static BlockException Refuse(string message) => new(BlockErrorKind.InvalidArgument, message);
}
