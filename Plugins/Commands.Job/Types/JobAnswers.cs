// SPDX-License-Identifier: MIT
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Job.Types;

/// <summary>QAPI struct JobInfo.</summary>
internal sealed record JobInfoEntry
{
    public required string Id { get; init; }

    [QapiExtensible(QapiExtension.JobType)]
    public required string Type { get; init; }

    public required JobStatus Status { get; init; }

    public required long CurrentProgress { get; init; }

    public required long TotalProgress { get; init; }

    public string? Error { get; init; }

    public static JobInfoEntry Of(IJob job)
    {
        var info = job.Info;
        return new JobInfoEntry
        {
            Id = job.Id!,
            Type = job.Type.Name,
            Status = info.Status,
            CurrentProgress = info.Current,
            TotalProgress = info.Total,
            Error = info.Error,
        };
    }
}

/// <summary>QAPI struct BlockJobInfo.</summary>
internal sealed record BlockJobInfo
{
    public required string Type { get; init; }

    public required string Device { get; init; }

    public required long Len { get; init; }

    public required long Offset { get; init; }

    public required bool Busy { get; init; }

    public required bool Paused { get; init; }

    public required long Speed { get; init; }

    public required JobIoStatus IoStatus { get; init; }

    public required bool Ready { get; init; }

    public required JobStatus Status { get; init; }

    public required bool AutoFinalize { get; init; }

    public required bool AutoDismiss { get; init; }

    public string? Error { get; init; }

    public static BlockJobInfo Of(IJob job)
    {
        var info = job.Info;
        return new BlockJobInfo
        {
            Type = job.Type.Name,
            Device = job.Id!,
            Len = info.Total,
            Offset = info.Current,
            Busy = info.Busy,
            Paused = info.Paused,
            Speed = info.Speed,
            IoStatus = info.IoStatus,
            Ready = info.IsReady,
            Status = info.Status,
            AutoFinalize = info.AutoFinalize,
            AutoDismiss = info.AutoDismiss,
            Error = info.Error,
        };
    }
}

/// <summary>How far a job is, how fast, and how long it will take; what cannot be said honestly is left out.</summary>
internal sealed record JobProgressEntry
{
    public required string Id { get; init; }

    [QapiExtensible(QapiExtension.JobType)]
    public required string Type { get; init; }

    public required JobStatus Status { get; init; }

    /// <summary>Work done; for block jobs bytes.</summary>
    public required long Current { get; init; }

    public required long Total { get; init; }

    /// <summary>Time in which the job has been running, pauses left out.</summary>
    public required long ElapsedMs { get; init; }

    /// <summary>Work a second, over the last seconds of running.</summary>
    public long? Rate { get; init; }

    /// <summary>At that rate.</summary>
    public long? RemainingMs { get; init; }

    /// <summary>Speed limit; absent: none.</summary>
    public long? Speed { get; init; }

    public string? Error { get; init; }

    public static JobProgressEntry Of(IJob job)
    {
        var info = job.Info;
        return new JobProgressEntry
        {
            Id = job.Id!,
            Type = job.Type.Name,
            Status = info.Status,
            Current = info.Current,
            Total = info.Total,
            ElapsedMs = (long)info.Elapsed.TotalMilliseconds,
            Rate = info.Rate is { } rate ? (long)rate : null,
            RemainingMs = RemainingOf(info),
            Speed = info.Speed == 0 ? null : info.Speed,
            Error = info.Error,
        };
    }

    // A job that stands still, or follows writes for ever, has no time left that could be told.
    private static long? RemainingOf(JobInfo info)
    {
        if (info.Status is not JobStatus.Running || info.Rate is not (> 0 and { } rate))
            return null;
        var milliseconds = Math.Max(0, info.Total - info.Current) / rate * 1000;
        return milliseconds < long.MaxValue ? (long)milliseconds : null;
    }
}
