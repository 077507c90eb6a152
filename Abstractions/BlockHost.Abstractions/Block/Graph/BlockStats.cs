// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Graph;

/// <summary>Counters of one backend, as query-blockstats shows them. Times in nanoseconds.</summary>
public sealed record BlockStats
{
    public long ReadBytes { get; init; }

    public long WriteBytes { get; init; }

    public long UnmapBytes { get; init; }

    public long ReadOperations { get; init; }

    public long WriteOperations { get; init; }

    public long FlushOperations { get; init; }

    public long UnmapOperations { get; init; }

    public long ReadTotalTimeNs { get; init; }

    public long WriteTotalTimeNs { get; init; }

    public long FlushTotalTimeNs { get; init; }

    public long UnmapTotalTimeNs { get; init; }

    public long FailedReadOperations { get; init; }

    public long FailedWriteOperations { get; init; }

    public long FailedFlushOperations { get; init; }

    public long FailedUnmapOperations { get; init; }

    public long InvalidReadOperations { get; init; }

    public long InvalidWriteOperations { get; init; }

    public long InvalidFlushOperations { get; init; }

    public long InvalidUnmapOperations { get; init; }

    /// <summary>Since the last request, or null where there was none.</summary>
    public long? IdleTimeNs { get; init; }
}
