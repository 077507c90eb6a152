// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Iscsi.Scsi;

/// <summary>Answers of a logical unit, cut to what came; each byte is checked to be there.</summary>
internal static class LunReplies
{
    private const int SmallestBlock = 512;
    private const int LargestBlock = 64 << 10;

    /// <summary>Where the host's arithmetic with rounded sizes still holds.</summary>
    private const long MaxLength = long.MaxValue - (1 << 30);

    /// <summary>
    /// READ CAPACITY (16): 0 last LBA │ 8 block length │ 14 LBPME, LBPRZ. Null: it is too short.
    /// </summary>
    public static Capacity? Capacity16(ReadOnlySpan<byte> data)
    {
        const byte lbpme = 0x80, lbprz = 0x40;
        if (data.Length < 15)
            return null;
        return Checked(
            BinaryPrimitives.ReadUInt64BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data[8..]),
            (data[14] & lbpme) != 0, (data[14] & lbprz) != 0);
    }

    /// <summary>READ CAPACITY (10): 0 last LBA │ 4 block length. Null: it is too short.</summary>
    public static Capacity? Capacity10(ReadOnlySpan<byte> data) => data.Length < 8
        ? null
        : Checked(BinaryPrimitives.ReadUInt32BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data[4..]), false, false);

    /// <summary>
    /// MODE SENSE (6): 0 length │ 2 device bits: WP, DPOFUA │ 3 length of block descriptors │ pages. Null: it is too short.
    /// </summary>
    public static (bool IsWriteProtected, bool HasFua, bool HasWriteCache)? Modes(ReadOnlySpan<byte> data)
    {
        const byte writeProtected = 0x80, fua = 0x10;
        const int head = 4;
        if (data.Length < head)
            return null;
        return ((data[2] & writeProtected) != 0, (data[2] & fua) != 0, HasWriteCache(data, head + data[3]));
    }

    /// <summary>SBC-3, 6.5.3, in blocks.</summary>
    public static BlockLimitsPage Limits(ReadOnlySpan<byte> page)
    {
        if (!Is(page, VpdPage.BlockLimits) || page.Length < 16)
            return new();
        return new()
        {
            MaxTransfer = Number(page, 8),
            OptimalTransfer = Number(page, 12),
            MaxUnmap = Number(page, 20),
            UnmapGranularity = Number(page, 28),
            MaxWriteSame = page.Length < 44
                ? 0
                : (long)Math.Min(BinaryPrimitives.ReadUInt64BigEndian(page[36..]), uint.MaxValue),
        };
    }

    public static ProvisioningPage Provisioning(ReadOnlySpan<byte> page)
    {
        const byte unmap = 0x80, writeSame16 = 0x40, writeSame10 = 0x20;
        if (!Is(page, VpdPage.Provisioning) || page.Length < 6)
            return new();
        return new()
        {
            Unmap = (page[5] & unmap) != 0,
            WriteSame16Unmaps = (page[5] & writeSame16) != 0,
            WriteSame10Unmaps = (page[5] & writeSame10) != 0,
        };
    }

    /// <summary>The pages that there are.</summary>
    public static ReadOnlySpan<byte> Pages(ReadOnlySpan<byte> page)
    {
        const int head = 4;
        return Is(page, VpdPage.Supported) && page.Length > head ? page[head..Math.Min(page.Length, head + page[3])] : [];
    }

    /// <summary>
    /// GET LBA STATUS (SBC-3, 5.4.2): 8 LBA │ 16 blocks │ 20 state, of the first run.
    /// </summary>
    /// <returns>Blocks from <paramref name="block"/> on, and whether they are mapped; null: no answer about that block.</returns>
    public static (long Blocks, bool IsMapped)? Status(ReadOnlySpan<byte> data, long block)
    {
        const int whole = 24;
        const int stateMask = 0xF;
        if (data.Length < whole)
            return null;
        var first = BinaryPrimitives.ReadUInt64BigEndian(data[8..]);
        var blocks = BinaryPrimitives.ReadUInt32BigEndian(data[16..]);
        var state = data[20] & stateMask;
        // Deallocated or anchored: neither holds data.
        return first == (ulong)block && blocks > 0 ? (blocks, state is not (1 or 2)) : null;
    }

    private static bool Is(ReadOnlySpan<byte> page, VpdPage code) => page.Length > 1 && page[1] == (byte)code;

    private static long Number(ReadOnlySpan<byte> page, int place) =>
        page.Length < place + sizeof(uint) ? 0 : BinaryPrimitives.ReadUInt32BigEndian(page[place..]);

    /// <summary>The caching page (SBC-3, 6.4.5): 0 code │ 1 length │ 2 WCE.</summary>
    private static bool HasWriteCache(ReadOnlySpan<byte> data, int start)
    {
        const byte caching = 0x08, enabled = 0x04, codeMask = 0x3F;
        while (start + 2 < data.Length)
        {
            if ((data[start] & codeMask) == caching)
                return (data[start + 2] & enabled) != 0;
            start += 2 + data[start + 1];
        }

        return true;
    }

    /// <exception cref="BlockException">No disk is so.</exception>
    private static Capacity Checked(ulong last, uint blockSize, bool isThin, bool holesReadZero)
    {
        var isPossible = blockSize is >= SmallestBlock and <= LargestBlock && (blockSize & (blockSize - 1)) == 0;
        if (!isPossible)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"iSCSI: the target returned an invalid block size of {blockSize}.");
        if (last >= (ulong)MaxLength / blockSize)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"iSCSI: the target returned an impossible last block of {last}.", Errno.EFBIG);
        return new Capacity((long)last + 1, (int)blockSize, isThin, holesReadZero);
    }
}
