// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx.Log;

/// <summary>
/// The log ([MS-VHDX] 2.3) is a ring of sectors of 4 KiB. An entry is a header, descriptors, and a sector of data for each
/// "desc":
/// <code>
///   header (64) │ descriptors of 32 bytes, up to the end of a sector │ data │ data │ …
///
///   header        0 "loge"    8 length    16 sequence number    32 id of the log    48 bytes of the file that were flushed
///                 4 CRC-32C  12 tail      24 descriptors                            56 bytes that the file has to have
///   "desc"        4 last 4 bytes of the data    8 first 8 bytes of the data    16 file offset    24 sequence number
///   "zero"                                      8 length                       16 file offset    24 sequence number
///   data          0 "data"    4 high half of the sequence number    8 bytes 8 to 4091 of the data    4092 low half
/// </code>
/// The tail is the offset in the ring of the oldest entry that is still needed; the sequence number rises by one from entry to
/// entry.
/// </summary>
internal static class LogFormat
{
    public const int SectorSize = 4096;
    public const int HeaderSize = 64;
    public const int DescriptorSize = 32;
    public const int LeadingBytes = 8;
    public const int TrailingBytes = 4;

    public static ReadOnlySpan<byte> DataDescriptor => "desc"u8;

    public static ReadOnlySpan<byte> ZeroDescriptor => "zero"u8;

    public static ReadOnlySpan<byte> DataSector => "data"u8;

    /// <summary>Sectors of an entry before its data.</summary>
    public static long SectorsBeforeData(long descriptors) =>
        (HeaderSize + descriptors * DescriptorSize + SectorSize - 1) / SectorSize;

    /// <summary>Whether the ring is one that can be written.</summary>
    public static bool IsUsable(long offset, long length) =>
        offset >= FileLayout.MiB && FileLayout.IsAligned(offset) && length >= FileLayout.MiB && FileLayout.IsAligned(length);
}

/// <summary>The header of an entry.</summary>
/// <param name="Position">In the ring.</param>
/// <param name="FlushedLength">Bytes of the file that were on disk when the entry was written.</param>
/// <param name="NeededLength">Bytes that the file has with the entry.</param>
internal sealed record LogEntry(
    long Position, uint Length, uint Tail, ulong Sequence, uint Descriptors, Guid LogId, long FlushedLength, long NeededLength)
{
    /// <summary>Whether the bytes look like the header of an entry of a ring.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, long position, long ringLength, out LogEntry entry)
    {
        entry = new LogEntry(
            position,
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]),
            new Guid(bytes.Slice(32, 16)),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[56..]));
        return bytes.StartsWith("loge"u8) && entry.IsPossible(ringLength);
    }

    public void Write(Span<byte> bytes)
    {
        "loge"u8.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], Length);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], Tail);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[16..], Sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[24..], Descriptors);
        LogId.TryWriteBytes(bytes[32..]);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[48..], FlushedLength);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[56..], NeededLength);
    }

    private bool IsPossible(long ringLength) =>
        Length >= LogFormat.SectorSize && Length <= ringLength && Length % LogFormat.SectorSize == 0
        && Tail < ringLength && Tail % LogFormat.SectorSize == 0
        && Sequence != 0
        && LogFormat.SectorsBeforeData(Descriptors) * LogFormat.SectorSize <= Length;
}

/// <summary>One change of an entry: 4 KiB of data, or a range of zeroes.</summary>
internal readonly record struct LogDescriptor(bool IsZeroes, long FileOffset, long Bytes, ulong Leading, uint Trailing)
{
    public static bool TryRead(ReadOnlySpan<byte> bytes, ulong sequence, out LogDescriptor descriptor)
    {
        var isZeroes = bytes.StartsWith(LogFormat.ZeroDescriptor);
        var second = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        descriptor = new LogDescriptor(
            isZeroes,
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            isZeroes ? (long)second : LogFormat.SectorSize,
            isZeroes ? 0 : second,
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]));
        return (isZeroes || bytes.StartsWith(LogFormat.DataDescriptor))
            && BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]) == sequence
            && descriptor.IsAligned;
    }

    private bool IsAligned =>
        FileOffset >= 0 && FileOffset % LogFormat.SectorSize == 0
        && Bytes >= 0 && Bytes % LogFormat.SectorSize == 0 && Bytes <= long.MaxValue - FileOffset;
}
