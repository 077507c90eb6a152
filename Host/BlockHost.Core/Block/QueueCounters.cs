// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block;

internal enum RequestKind
{
    Read = 0,
    Write = 1,
    Flush = 2,
    Unmap = 3,

    /// <summary>Not counted.</summary>
    Status = 4,
}

/// <summary>
/// What one queue has done; requests complete on any thread. Of those that complete at once one in <see cref="Sampling"/>
/// is timed and stands for the others: reading the clock twice would cost more than the rest of their way.
/// </summary>
internal sealed class QueueCounters(TimeProvider clock)
{
    private const int Sampling = 8;

    private readonly Counter[] _kinds = new Counter[4];
    private uint _requests;
    private long _lastTicks;

    /// <summary>The clock for a request that is timed, else 0.</summary>
    public long Begin() => ++_requests % Sampling == 0 ? clock.GetTimestamp() : 0;

    /// <summary>The clock at the start of a request that turned out to complete later.</summary>
    public long BeginLater(long start) => start != 0 ? start : clock.GetTimestamp();

    /// <param name="start">From <see cref="Begin"/>.</param>
    public void CompletedAtOnce(RequestKind kind, long bytes, long start)
    {
        ref var counter = ref _kinds[(int)kind];
        Interlocked.Increment(ref counter.Operations);
        Interlocked.Add(ref counter.Bytes, bytes);
        if (start != 0)
            AddTime(ref counter, start, Sampling);
    }

    /// <param name="start">From <see cref="BeginLater"/>.</param>
    /// <returns>How long it took, in ticks of the clock.</returns>
    public long Completed(RequestKind kind, long bytes, long start)
    {
        ref var counter = ref _kinds[(int)kind];
        Interlocked.Increment(ref counter.Operations);
        Interlocked.Add(ref counter.Bytes, bytes);
        return AddTime(ref counter, start, weight: 1);
    }

    /// <returns>How long it took, in ticks of the clock; 0 for one that was not timed.</returns>
    public long Failed(RequestKind kind, long start)
    {
        ref var counter = ref _kinds[(int)kind];
        Interlocked.Increment(ref counter.Failures);
        return start != 0 ? AddTime(ref counter, start, weight: 1) : 0;
    }

    public void Refused(RequestKind kind) => Interlocked.Increment(ref _kinds[(int)kind].Refusals);

    public BlockStats AddTo(BlockStats sum)
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

    private long AddTime(ref Counter counter, long start, long weight)
    {
        var now = clock.GetTimestamp();
        Interlocked.Add(ref counter.Ticks, (now - start) * weight);
        Volatile.Write(ref _lastTicks, now);
        return now - start;
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
