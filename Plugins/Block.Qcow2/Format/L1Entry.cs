// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>One entry of an L1 table, in host byte order.</summary>
/// <remarks>
/// <code>
/// 63      62..56    55..9              8..0
/// COPIED  reserved  L2 table offset    reserved
/// </code>
/// </remarks>
internal readonly record struct L1Entry(ulong Raw)
{
    public const ulong CopiedBit = 1UL << 63;
    public const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;
    public const ulong ReservedMask = ~(CopiedBit | OffsetMask);

    /// <summary>Host offset of the L2 table; 0 when nothing is mapped.</summary>
    public long TableOffset => (long)(Raw & OffsetMask);

    /// <summary>The table has a refcount of exactly one: it may be changed in place.</summary>
    public bool Copied => (Raw & CopiedBit) != 0;

    public bool HasReservedBits => (Raw & ReservedMask) != 0;

    public static L1Entry Owned(long tableOffset) => new((ulong)tableOffset | CopiedBit);
}
