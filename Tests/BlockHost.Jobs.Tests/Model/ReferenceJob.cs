// SPDX-License-Identifier: MIT
namespace BlockHost.Jobs.Tests.Model;

internal enum Doing
{
    NotStarted,
    Working,
    Asleep,
    Paused,
    Ended,
}

/// <summary>What the reference knows of a job.</summary>
internal sealed class ReferenceJob(Create creation, ReferenceGroup group)
{
    public string Id => creation.Id;

    public bool ManualFinalize => (creation.Flags & JobFlags.ManualFinalize) != 0;

    public bool ManualDismiss => (creation.Flags & JobFlags.ManualDismiss) != 0;

    public bool Softly => creation.Softly;

    public bool Completable => creation.Completable;

    public bool PrepareFails => creation.PrepareFails;

    public ReferenceGroup Group => group;

    public JobStatus Status { get; set; } = JobStatus.Undefined;

    public JobStatus ResumeTo { get; set; }

    public Doing Doing { get; set; } = Doing.NotStarted;

    public int Pauses { get; set; } = 1;

    public int Drains { get; set; }

    public bool UserPaused { get; set; }

    public bool CancelRequested { get; set; }

    public bool Forced { get; set; }

    public bool WakePending { get; set; }

    public long Speed { get; set; }

    public JobIoStatus IoStatus { get; set; }

    public string? Error { get; set; }

    public bool IsStarted => Doing != Doing.NotStarted;

    public bool IsReady => Status is JobStatus.Ready or JobStatus.Standby;

    public bool IsCompleted =>
        Status is JobStatus.Waiting or JobStatus.Pending or JobStatus.Aborting or JobStatus.Concluded or JobStatus.Null;
}

/// <summary>A transaction.</summary>
internal sealed class ReferenceGroup
{
    /// <summary>Newest first.</summary>
    public List<ReferenceJob> Members { get; } = [];

    public bool Aborting { get; set; }

    /// <summary>Takes no more jobs.</summary>
    public bool IsClosed { get; set; }
}
