// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Jobs;

/// <summary>QAPI enum JobStatus. Numbers are places in the transition table.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<JobStatus>))]
public enum JobStatus
{
    [JsonStringEnumMemberName("undefined")]
    Undefined = 0,

    [JsonStringEnumMemberName("created")]
    Created = 1,

    [JsonStringEnumMemberName("running")]
    Running = 2,

    [JsonStringEnumMemberName("paused")]
    Paused = 3,

    [JsonStringEnumMemberName("ready")]
    Ready = 4,

    [JsonStringEnumMemberName("standby")]
    Standby = 5,

    [JsonStringEnumMemberName("waiting")]
    Waiting = 6,

    [JsonStringEnumMemberName("pending")]
    Pending = 7,

    [JsonStringEnumMemberName("aborting")]
    Aborting = 8,

    [JsonStringEnumMemberName("concluded")]
    Concluded = 9,

    [JsonStringEnumMemberName("null")]
    Null = 10,
}

/// <summary>QAPI enum JobVerb: what a user can ask of a job.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<JobVerb>))]
public enum JobVerb
{
    [JsonStringEnumMemberName("cancel")]
    Cancel = 0,

    [JsonStringEnumMemberName("pause")]
    Pause = 1,

    [JsonStringEnumMemberName("resume")]
    Resume = 2,

    [JsonStringEnumMemberName("set-speed")]
    SetSpeed = 3,

    [JsonStringEnumMemberName("complete")]
    Complete = 4,

    [JsonStringEnumMemberName("dismiss")]
    Dismiss = 5,

    [JsonStringEnumMemberName("finalize")]
    Finalize = 6,
}

/// <summary>QAPI enum BlockDeviceIoStatus.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<JobIoStatus>))]
public enum JobIoStatus
{
    [JsonStringEnumMemberName("ok")]
    Ok = 0,

    [JsonStringEnumMemberName("failed")]
    Failed = 1,

    [JsonStringEnumMemberName("nospace")]
    NoSpace = 2,
}

/// <summary>What queries tell of a job. A snapshot.</summary>
public sealed record JobInfo
{
    public required JobStatus Status { get; init; }

    /// <summary>Work done, in a unit of the job's; only grows.</summary>
    public required long Current { get; init; }

    /// <summary>Estimate of <see cref="Current"/> at the end; may move both ways.</summary>
    public required long Total { get; init; }

    /// <summary>Why the job failed, or null.</summary>
    public string? Error { get; init; }

    /// <summary>A pause is in force or asked for.</summary>
    public bool Paused { get; init; }

    /// <summary>A user has asked for the pause.</summary>
    public bool UserPaused { get; init; }

    /// <summary>Neither paused nor asleep.</summary>
    public bool Busy { get; init; }

    /// <summary>Bytes a second; 0: no limit.</summary>
    public long Speed { get; init; }

    public JobIoStatus IoStatus { get; init; }

    public bool AutoFinalize { get; init; }

    public bool AutoDismiss { get; init; }

    /// <summary>Work done a second over the last seconds of running, or null where nothing can be said.</summary>
    public double? Rate { get; init; }

    /// <summary>Time in which the job has been running, pauses left out.</summary>
    public TimeSpan Elapsed { get; init; }

    public bool IsReady => Status is JobStatus.Ready or JobStatus.Standby;
}
