// SPDX-License-Identifier: MIT
using System.Numerics;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>
/// The arithmetic of one image: how an offset splits into table indices, for its cluster size, refcount width and
/// L2 entry form. Sizes are bytes, indices count entries. See "Cluster mapping" and "Host cluster management".
/// </summary>
/// <remarks>
/// <code>
/// guest offset: | l1 index | l2 index (cluster bits - 3, or - 4) | offset in cluster |
/// host offset:  | reftable index | refblock index                | offset in cluster |
/// </code>
/// </remarks>
internal readonly struct ClusterGeometry
{
    public const int MinClusterBits = 9;
    public const int MaxClusterBits = 21;
    public const int MaxRefcountOrder = 6;
    public const int MinExtendedL2ClusterBits = 14;
    public const int MaxSubclusters = 32;

    /// <summary>Largest L1 table QEMU accepts, and so do we: the table is held in memory.</summary>
    public const long MaxL1Bytes = 32L << 20;

    /// <summary>Largest refcount table QEMU accepts.</summary>
    public const long MaxRefcountTableBytes = 8L << 20;

    /// <summary>Host offsets in L1 and L2 entries have 56 bits.</summary>
    public const long MaxHostOffset = (1L << 56) - 1;

    public ClusterGeometry(int clusterBits, int refcountOrder, bool extendedL2)
    {
        if (clusterBits is < MinClusterBits or > MaxClusterBits)
            throw new Qcow2FormatException($"Unsupported cluster size: 2^{clusterBits}");
        if (refcountOrder is < 0 or > MaxRefcountOrder)
            throw new Qcow2FormatException("Reference count entry width too large; may not exceed 64 bits");
        if (extendedL2 && clusterBits < MinExtendedL2ClusterBits)
            throw new Qcow2FormatException(
                $"Extended L2 entries are only supported with cluster sizes of at least {1 << MinExtendedL2ClusterBits} bytes");
        ClusterBits = clusterBits;
        RefcountOrder = refcountOrder;
        ExtendedL2 = extendedL2;
    }

    public int ClusterBits { get; }
    public int RefcountOrder { get; }
    public bool ExtendedL2 { get; }

    public int ClusterSize => 1 << ClusterBits;
    public long OffsetMask => ClusterSize - 1L;
    public int RefcountBits => 1 << RefcountOrder;

    /// <summary>Bytes of one L2 entry: 8, or 16 with the subcluster bitmap of extended L2 entries.</summary>
    public int L2EntrySize => ExtendedL2 ? 16 : 8;
    public int L2Bits => ClusterBits - (ExtendedL2 ? 4 : 3);
    public int L2Entries => 1 << L2Bits;

    /// <summary>Log2 of the guest bytes that one L2 table maps.</summary>
    public int L2CoverageBits => ClusterBits + L2Bits;
    public int RefblockBits => ClusterBits + 3 - RefcountOrder;
    public long RefblockEntries => 1L << RefblockBits;
    public int RefcountTableEntriesPerCluster => ClusterSize / sizeof(ulong);

    /// <summary>Parts of a cluster that are mapped apart: 32 with extended L2 entries, else the cluster itself.</summary>
    public int Subclusters => ExtendedL2 ? MaxSubclusters : 1;
    public int SubclusterBits => ExtendedL2 ? ClusterBits - 5 : ClusterBits;
    public int SubclusterSize => 1 << SubclusterBits;
    public ulong MaxRefcount => RefcountOrder == MaxRefcountOrder ? long.MaxValue : (1UL << RefcountBits) - 1;

    public long L1Index(long guestOffset) => guestOffset >> L2CoverageBits;
    public int L2Index(long guestOffset) => (int)(guestOffset >> ClusterBits) & (L2Entries - 1);
    public int OffsetInCluster(long offset) => (int)(offset & OffsetMask);
    public int SubclusterIndex(long guestOffset) => OffsetInCluster(guestOffset) >> SubclusterBits;
    public long SubclusterStart(long offset) => offset & -(long)SubclusterSize;

    /// <summary>Rounded up to the next subcluster; safe up to the last whole one below <see cref="long.MaxValue"/>.</summary>
    public long SubclusterEnd(long offset) => SubclusterStart(offset + SubclusterSize - 1);
    public bool IsClusterAligned(long offset) => (offset & OffsetMask) == 0;
    public long ClusterIndex(long hostOffset) => hostOffset >> ClusterBits;
    public long ClusterStart(long offset) => offset & ~OffsetMask;
    public long RefcountTableIndex(long clusterIndex) => clusterIndex >> RefblockBits;
    public int RefblockIndex(long clusterIndex) => (int)(clusterIndex & (RefblockEntries - 1));

    /// <summary>Clusters that hold <paramref name="bytes"/> bytes, rounded up; safe up to <see cref="long.MaxValue"/>.</summary>
    public long ClustersFor(long bytes) => (bytes >> ClusterBits) + ((bytes & OffsetMask) == 0 ? 0 : 1);

    /// <summary>Entries the L1 table needs for a virtual disk; refuses what the table's limit cannot describe.</summary>
    public long L1EntriesFor(long virtualSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(virtualSize);
        var coverage = 1L << L2CoverageBits;
        var entries = (virtualSize >> L2CoverageBits) + ((virtualSize & (coverage - 1)) == 0 ? 0 : 1);
        if (entries > MaxL1Bytes / sizeof(ulong))
            throw new Qcow2FormatException("Image is too big", Qcow2Fault.TooLarge);
        return entries;
    }

    /// <summary>Whether a table of <paramref name="bytes"/> at <paramref name="offset"/> is aligned and cannot wrap.</summary>
    public bool IsTablePlace(ulong offset, long bytes) =>
        offset <= long.MaxValue && IsClusterAligned((long)offset) && (long)offset <= long.MaxValue - bytes;

    /// <summary>The bits of a power-of-two cluster size, or -1.</summary>
    public static int BitsOfClusterSize(long size) =>
        size is >= 1 << MinClusterBits and <= 1 << MaxClusterBits && BitOperations.IsPow2(size)
            ? BitOperations.Log2((ulong)size)
            : -1;
}
