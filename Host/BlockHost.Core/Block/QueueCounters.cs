// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block;

internal enum RequestKind
{
    Read = 0,
    Write = 1,
    Flush = 2,
    Unmap = 3,
}

/// <summary>What one queue has done. Completions may come on several threads.</summary>
internal sealed class QueueCounters
{
    private readonly Counter[] _kinds = new Counter[4];
    private long _lastTicks;

    public void Completed(RequestKind kind, long bytes, long ticks, long now)
    {
        ref var counter = ref _kinds[(int)kind];
        Interlocked.Increment(ref counter.Operations);
        Interlocked.Add(ref counter.Bytes, bytes);
        Interlocked.Add(ref counter.Ticks, ticks);
        Volatile.Write(ref _lastTicks, now);
    }

    public void Failed(RequestKind kind, long ticks, long now)
    {
        ref var counter = ref _kinds[(int)kind];
        Interlocked.Increment(ref counter.Failures);
        Interlocked.Add(ref counter.Ticks, ticks);
        Volatile.Write(ref _lastTicks, now);
    }

    public void Refused(RequestKind kind) => Interlocked.Increment(ref _kinds[(int)kind].Refusals);

    public BlockStats AddTo(BlockStats sum, TimeProvider clock)
    {
        var (read, write, flush, unmap) = (_kinds[0], _kinds[1], _kinds[2], _kinds[3]);
        var last = Volatile.Read(ref _lastTicks);
        long? idle = last == 0 ? null : (long)clock.GetElapsedTime(last).TotalNanoseconds;
        return new BlockStats
        {
            ReadBytes = sum.ReadBytes + read.Bytes,
            WriteBytes = sum.WriteBytes + write.Bytes,
            UnmapBytes = sum.UnmapBytes + unmap.Bytes,
            ReadOperations = sum.ReadOperations + read.Operations,
            WriteOperations = sum.WriteOperations + write.Operations,
            FlushOperations = sum.FlushOperations + flush.Operations,
            UnmapOperations = sum.UnmapOperations + unmap.Operations,
            ReadTotalTimeNs = sum.ReadTotalTimeNs + read.Nanoseconds(clock),
            WriteTotalTimeNs = sum.WriteTotalTimeNs + write.Nanoseconds(clock),
            FlushTotalTimeNs = sum.FlushTotalTimeNs + flush.Nanoseconds(clock),
            UnmapTotalTimeNs = sum.UnmapTotalTimeNs + unmap.Nanoseconds(clock),
            FailedReadOperations = sum.FailedReadOperations + read.Failures,
            FailedWriteOperations = sum.FailedWriteOperations + write.Failures,
            FailedFlushOperations = sum.FailedFlushOperations + flush.Failures,
            FailedUnmapOperations = sum.FailedUnmapOperations + unmap.Failures,
            InvalidReadOperations = sum.InvalidReadOperations + read.Refusals,
            InvalidWriteOperations = sum.InvalidWriteOperations + write.Refusals,
            InvalidFlushOperations = sum.InvalidFlushOperations + flush.Refusals,
            InvalidUnmapOperations = sum.InvalidUnmapOperations + unmap.Refusals,
            IdleTimeNs = Earlier(sum.IdleTimeNs, idle),
        };
    }

    private static long? Earlier(long? a, long? b) => a is { } x && b is { } y ? Math.Min(x, y) : a ?? b;

    private struct Counter
    {
        public long Operations;
        public long Bytes;
        public long Ticks;
        public long Failures;
        public long Refusals;

        public readonly long Nanoseconds(TimeProvider clock) => (long)(Ticks * (1e9 / clock.TimestampFrequency));
    }
}
