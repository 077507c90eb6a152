// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Iscsi.Scsi;

/// <summary>
/// A command descriptor block, filled up with zeroes to 16 bytes (SPC-4, SBC-3). The forms of 10 bytes end at block 2^32.
/// <code>
///   10: 0 code │ 1 bits │ 2 LBA ×4 │ 7 blocks ×2             16: 0 code │ 1 bits │ 2 LBA ×8 │ 10 blocks or length ×4
/// </code>
/// </summary>
internal readonly record struct Cdb(ulong First, ulong Second)
{
    public const int Length = 16;

    /// <summary>In READ, WRITE: not before it is on the medium.</summary>
    public const byte Fua = 0x08;

    /// <summary>In WRITE SAME: the blocks may be deallocated as long as they read as the one given.</summary>
    public const byte Unmap = 0x08;

    private const byte ServiceActionIn = 0x9E;
    private const int HalfLength = sizeof(ulong);

    public static Cdb TestUnitReady => default;

    public static Cdb SynchronizeCache => Of(0x35);

    public static Cdb ReadCapacity10 => Of(0x25);

    public void CopyTo(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt64BigEndian(target, First);
        BinaryPrimitives.WriteUInt64BigEndian(target[HalfLength..], Second);
    }

    public static Cdb From(ReadOnlySpan<byte> bytes)
    {
        Span<byte> whole = stackalloc byte[Length];
        whole.Clear();
        bytes.CopyTo(whole);
        return new(BinaryPrimitives.ReadUInt64BigEndian(whole), BinaryPrimitives.ReadUInt64BigEndian(whole[HalfLength..]));
    }

    public static Cdb Inquiry(byte length) => From([0x12, 0, 0, 0, length]);

    /// <summary>A page of vital product data.</summary>
    public static Cdb Inquiry(VpdPage page, byte length) => From([0x12, 1, (byte)page, 0, length]);

    /// <summary>MODE SENSE (6) of all pages' current values.</summary>
    public static Cdb ModeSense(byte length) => From([0x1A, 0, 0x3F, 0, length]);

    public static Cdb ReadCapacity16(byte length) => Of(ServiceActionIn, 0x10, 0, length, isLong: true);

    public static Cdb GetLbaStatus(long block, byte length) => Of(ServiceActionIn, 0x12, block, length, isLong: true);

    public static Cdb Read(long block, uint blocks, bool isLong) =>
        Of(isLong ? (byte)0x88 : (byte)0x28, 0, block, blocks, isLong);

    public static Cdb Write(long block, uint blocks, byte bits, bool isLong) =>
        Of(isLong ? (byte)0x8A : (byte)0x2A, bits, block, blocks, isLong);

    public static Cdb WriteSame(long block, uint blocks, byte bits, bool isLong) =>
        Of(isLong ? (byte)0x93 : (byte)0x41, bits, block, blocks, isLong);

    public static Cdb UnmapBlocks(byte listLength) => From([0x42, 0, 0, 0, 0, 0, 0, 0, listLength]);

    /// <summary>The list of one range that UNMAP takes (SBC-3, 5.28.2): its lengths, LBA, blocks.</summary>
    public static void WriteUnmapList(Span<byte> target, long block, uint blocks)
    {
        target[..UnmapListLength].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(target, UnmapListLength - 2);
        BinaryPrimitives.WriteUInt16BigEndian(target[2..], 16);
        BinaryPrimitives.WriteInt64BigEndian(target[8..], block);
        BinaryPrimitives.WriteUInt32BigEndian(target[16..], blocks);
    }

    public const int UnmapListLength = 24;

    private static Cdb Of(byte code) => new((ulong)code << 56, 0);

    private static Cdb Of(byte code, byte bits, long block, uint blocks, bool isLong)
    {
        var start = ((ulong)code << 56) | ((ulong)bits << 48);
        return isLong
            ? new(start | ((ulong)block >> 16), ((ulong)block << 48) | ((ulong)blocks << 16))
            : new(start | ((ulong)(uint)block << 16) | ((blocks >> 8) & byte.MaxValue), (ulong)(byte)blocks << 56);
    }
}
