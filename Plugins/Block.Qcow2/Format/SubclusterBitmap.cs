// SPDX-License-Identifier: MIT
using System.Numerics;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>What one of the 32 subclusters of an extended L2 entry holds.</summary>
internal enum SubclusterKind
{
    Unallocated,
    Zero,
    Data,

    /// <summary>Both bits are set, which the specification forbids.</summary>
    Invalid,
}

/// <summary>The second 64 bits of an extended L2 entry, in host byte order ("Extended L2 Entries").</summary>
/// <remarks>
/// <code>
/// 63..32                    31..0
/// reads as zeroes (bit 32+x)  allocated (bit x)          x = subcluster
/// </code>
/// </remarks>
internal readonly record struct SubclusterBitmap(ulong Raw)
{
    /// <summary>Both bits of the first subcluster.</summary>
    public static SubclusterBitmap Contradiction => new(0x1_0000_0001);

    public uint Allocated => (uint)Raw;
    public uint Zero => (uint)(Raw >> 32);

    public SubclusterKind this[int subcluster] => ((Allocated >> subcluster) & 1, (Zero >> subcluster) & 1) switch
    {
        (0, 0) => SubclusterKind.Unallocated,
        (0, _) => SubclusterKind.Zero,
        (_, 0) => SubclusterKind.Data,
        _ => SubclusterKind.Invalid,
    };

    public bool IsValid => (Allocated & Zero) == 0;

    /// <summary>How many subclusters from <paramref name="first"/> on are of its kind.</summary>
    public int RunLength(int first)
    {
        var sameAllocated = RunOf(Allocated, first);
        var sameZero = RunOf(Zero, first);
        return Math.Min(sameAllocated, sameZero);
    }

    public SubclusterBitmap WithData(int first, int count) => With(first, count, allocated: true, zero: false);
    public SubclusterBitmap WithZero(int first, int count) => With(first, count, allocated: false, zero: true);
    public SubclusterBitmap WithNothing(int first, int count) => With(first, count, allocated: false, zero: false);

    private SubclusterBitmap With(int first, int count, bool allocated, bool zero)
    {
        var mask = (uint)(((1UL << count) - 1) << first);
        var low = allocated ? Allocated | mask : Allocated & ~mask;
        var high = zero ? Zero | mask : Zero & ~mask;
        return new SubclusterBitmap(((ulong)high << 32) | low);
    }

    private static int RunOf(uint bits, int first)
    {
        var from = bits >> first;
        var run = (from & 1) == 0 ? BitOperations.TrailingZeroCount(from) : BitOperations.TrailingZeroCount(~from);
        return Math.Min(run, ClusterGeometry.MaxSubclusters - first);
    }
}
