// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Iscsi.Scsi;

namespace BlockHost.Plugins.Block.Iscsi;

/// <summary>What a logical unit says of itself as the host has it.</summary>
internal static class LunProfile
{
    /// <summary>Of one command: enough for any speed, and no more than a target works on within its time.</summary>
    private const long MaxTransfer = 8 << 20;

    private const long MaxZeroes = 64 << 20;
    private const long MaxUnmap = 1L << 31;

    /// <summary>What commands of 10 bytes can name.</summary>
    private const long MostInShort = ushort.MaxValue;

    public static BlockProfile Of(LunFacts facts, bool writable)
    {
        var (size, limits, can) = (facts.Capacity.BlockSize, facts.Limits, facts.Provisioning);
        var isLong = facts.Capacity.IsBeyondShortCommands;
        var most = isLong ? long.MaxValue : MostInShort;
        var mostSame = isLong || can.WriteSame16Unmaps ? long.MaxValue : MostInShort;
        var granularity = Granularity(limits.UnmapGranularity * size);
        return new BlockProfile
        {
            Length = facts.Capacity.Length,
            Limits = new BlockLimits
            {
                RequestAlignment = size,
                MaxTransfer = Smallest(limits.MaxTransfer, MaxTransfer / size, most) * size,
                OptimalTransfer = limits.OptimalTransfer * size,
                MaxDiscard = Smallest(limits.MaxUnmap, MaxUnmap, MaxUnmap) * size,
                DiscardAlignment = granularity,
                MaxWriteZeroes = Smallest(limits.MaxWriteSame, MaxZeroes / size, mostSame) * size,
                WriteZeroesAlignment = can.WriteSame16Unmaps ? granularity : 0,
            },
            Writable = writable,
            Flush = Support.Native,
            Fua = facts.HasFua ? Support.Native : Support.Emulate,
            WriteZeroes = Support.Native,
            // Holes come only where they read as zeroes.
            WriteZeroesFlags = facts.Capacity.HolesReadZero && (can.WriteSame16Unmaps || can.WriteSame10Unmaps)
                ? ZeroFlags.MayUnmap
                : ZeroFlags.None,
            Discard = can.Unmap ? Support.Native : Support.None,
            Status = facts.Capacity.IsThin ? Support.Native : Support.Emulate,
        };
    }

    private static long Smallest(long stated, long ours, long most) =>
        Math.Min(stated == 0 ? ours : Math.Min(stated, ours), most);

    /// <summary>One that is no power of two, or larger than any device's, is none that requests can be cut by.</summary>
    private static long Granularity(long bytes)
    {
        const long largest = 1L << 30;
        return bytes is > 0 and <= largest && long.IsPow2(bytes) ? bytes : 0;
    }
}
