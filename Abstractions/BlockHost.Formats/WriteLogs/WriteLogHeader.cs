// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;

namespace BlockHost.Formats.WriteLogs;

/// <summary>
/// How a log of writes begins, in the form of Linux's dm-log-writes (its kernel document "log-writes"; all numbers are
/// little-endian):
/// <code>
///   ┌───────────┬───────┬───────────┬───────┬───────────┬──
///   │ header    │ entry │ its data  │ entry │ its data  │ …      each begins at a sector of the log
///   └───────────┴───────┴───────────┴───────┴───────────┴──
///     magic u64, version u64, entries u64, sector size u32
/// </code>
/// </summary>
public readonly record struct WriteLogHeader(long Entries, int SectorSize)
{
    public const int Size = 28;
    public const int DefaultSectorSize = 512;
    private const ulong Magic = 0x6a736677736872;
    private const ulong Version = 1;
    private const int LargestSector = 1 << 23;

    public static bool IsSectorSize(long size) => size is >= WriteLogEntry.Size and <= LargestSector && long.IsPow2(size);

    public void Write(Span<byte> target)
    {
        target.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(target, Magic);
        BinaryPrimitives.WriteUInt64LittleEndian(target[8..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], Entries);
        BinaryPrimitives.WriteInt32LittleEndian(target[24..], SectorSize);
    }

    /// <exception cref="BlockException">It is none, with QEMU's texts.</exception>
    public static WriteLogHeader Read(ReadOnlySpan<byte> source)
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(source) != Magic)
            throw Invalid("Invalid log superblock magic");
        var version = BinaryPrimitives.ReadUInt64LittleEndian(source[8..]);
        if (version != Version)
            throw Invalid($"Unsupported log version {version}");
        var sectorSize = BinaryPrimitives.ReadUInt32LittleEndian(source[24..]);
        if (!IsSectorSize(sectorSize))
            throw Invalid($"Invalid log sector size {sectorSize}");
        var entries = BinaryPrimitives.ReadUInt64LittleEndian(source[16..]);
        return entries <= long.MaxValue
            ? new((long)entries, (int)sectorSize)
            : throw Invalid($"Invalid number of log entries {entries}");
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
