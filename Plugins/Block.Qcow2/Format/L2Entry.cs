// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>What a standard L2 entry says about its guest cluster.</summary>
internal enum ClusterKind
{
    Unallocated,

    /// <summary>Reads as zeroes and owns no host cluster.</summary>
    ZeroPlain,

    /// <summary>Reads as zeroes, with a host cluster kept for later writes.</summary>
    ZeroAllocated,
    Data,
    Compressed,
}

/// <summary>The first (or only) 64 bits of an L2 entry, in host byte order.</summary>
/// <remarks>
/// <code>
/// 63      62          61..56    55..9                8..1      0
/// COPIED  compressed  reserved  host cluster offset  reserved  reads as zeroes     standard cluster
/// 0       1           sectors and offset, see CompressedCluster                    compressed cluster
/// </code>
/// </remarks>
internal readonly record struct L2Entry(ulong Raw)
{
    public const ulong CopiedBit = 1UL << 63;
    public const ulong CompressedBit = 1UL << 62;
    public const ulong ZeroBit = 1;
    public const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;
    public const ulong ReservedMask = ~(CopiedBit | CompressedBit | OffsetMask | ZeroBit);

    public static L2Entry Unallocated => default;
    public static L2Entry PlainZero => new(ZeroBit);

    /// <summary>The host cluster has a refcount of exactly one: it may be changed in place.</summary>
    public bool Copied => (Raw & CopiedBit) != 0;
    public bool Compressed => (Raw & CompressedBit) != 0;

    /// <summary>Host offset of a standard cluster; 0 when there is none.</summary>
    public long HostOffset => (long)(Raw & OffsetMask);

    public bool HasReservedBits => !Compressed && (Raw & ReservedMask) != 0;

    /// <summary>The entry's meaning in an image with standard L2 entries.</summary>
    public ClusterKind Kind => this switch
    {
        { Compressed: true } => ClusterKind.Compressed,
        { Raw: var raw } when (raw & ZeroBit) != 0 => (raw & OffsetMask) != 0 ? ClusterKind.ZeroAllocated : ClusterKind.ZeroPlain,
        { HostOffset: 0 } => ClusterKind.Unallocated,
        _ => ClusterKind.Data,
    };

    public static L2Entry Owned(long hostOffset) => new((ulong)hostOffset | CopiedBit);
    public static L2Entry OwnedZero(long hostOffset) => new((ulong)hostOffset | CopiedBit | ZeroBit);
}
