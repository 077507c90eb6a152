// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Encryption;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2;

/// <summary>What the options come to for one image.</summary>
internal sealed record Qcow2Settings
{
    public bool Writable { get; init; }

    /// <summary>The image is open to be checked: it may be damaged, and only the check mends it.</summary>
    public bool ForRepair { get; init; }

    public bool LazyRefcounts { get; init; }

    public long L2CacheBytes { get; init; } = 32 << 20;

    /// <summary>Bytes of one cached piece of an L2 table.</summary>
    public int L2SliceBytes { get; init; } = 4096;

    public long RefcountCacheBytes { get; init; } = 1 << 20;

    public TimeSpan CacheCleanInterval { get; init; }

    public MetadataKinds OverlapCheck { get; init; } = MetadataKinds.Cached;

    /// <summary>Discards and unmapping zeroes of the guest reach the storage.</summary>
    public bool PassDiscardRequest { get; init; }

    /// <summary>
    /// Discards and unmapping zeroes of the guest leave clusters where they are, so that images do not fragment.
    /// </summary>
    public bool DiscardNoUnref { get; init; }

    /// <summary>Clusters freed for other reasons are discarded too.</summary>
    public bool PassDiscardOther { get; init; }

    public bool PassDiscardSnapshot { get; init; } = true;

    /// <summary>The image follows its bitmaps while it is in use.</summary>
    public bool BitmapCheckpoint { get; init; }

    /// <summary>Null: the image is not encrypted.</summary>
    public ImageEncryption? Encryption { get; init; }

    public int SliceBytesFor(ClusterGeometry geometry) => Math.Min(L2SliceBytes, geometry.ClusterSize);
}
