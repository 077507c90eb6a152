// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Snapshots;

/// <summary>Between an entry of the snapshot table and the contract's record.</summary>
internal static class SnapshotRecords
{
    private const int NanosecondsPerTick = 100;
    private const int NanosecondsPerSecond = 1_000_000_000;

    public static SnapshotRecord ToRecord(SnapshotEntry entry) => new(
        entry.Id,
        entry.Name,
        (long)Math.Min(entry.VmStateSize, long.MaxValue),
        DateTimeOffset.UnixEpoch.AddSeconds(entry.Seconds)
            .AddTicks(Math.Min(entry.Nanoseconds, NanosecondsPerSecond - 1) / NanosecondsPerTick),
        TimeSpan.FromTicks((long)(entry.VmClockNanoseconds / NanosecondsPerTick)))
    {
        InstructionCount = (long?)entry.InstructionCount,
        DateNanoseconds = entry.Nanoseconds,
        VmClockNanoseconds = (long)(entry.VmClockNanoseconds % NanosecondsPerSecond),
    };

    /// <summary>An entry without its place; a longer name is cut, as QEMU cuts it.</summary>
    public static SnapshotEntry ToEntry(SnapshotRecord record, string id, int maxNameBytes)
    {
        var sinceEpoch = record.Date.ToUniversalTime() - DateTimeOffset.UnixEpoch;
        return new SnapshotEntry
        {
            Id = id,
            Name = Cut(record.Name, maxNameBytes),
            L1Offset = 0,
            L1Entries = 0,
            Seconds = (uint)Math.Clamp(sinceEpoch.Ticks / TimeSpan.TicksPerSecond, 0, uint.MaxValue),
            Nanoseconds = (uint)Math.Clamp(record.DateNanoseconds, 0, NanosecondsPerSecond - 1),
            VmClockNanoseconds = ((ulong)Math.Max(0, record.VmClock.Ticks / TimeSpan.TicksPerSecond) * NanosecondsPerSecond)
                + (ulong)Math.Clamp(record.VmClockNanoseconds, 0, NanosecondsPerSecond - 1),
            VmStateSize = (ulong)Math.Max(0, record.VmStateSize),
            InstructionCount = (ulong?)record.InstructionCount,
        };
    }

    private static string Cut(string name, int maxBytes)
    {
        while (Encoding.UTF8.GetByteCount(name) > maxBytes) name = name[..^1];
        return name;
    }
}
