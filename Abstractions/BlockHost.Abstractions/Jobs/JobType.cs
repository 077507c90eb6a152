// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Jobs;

/// <summary>A kind of background job (a value of JobType), such as "mirror".</summary>
public abstract class JobType
{
    public abstract string Name { get; }

    /// <summary>Older query commands list it too (query-block-jobs).</summary>
    public virtual bool IsBlockJob => true;
}

/// <summary>
/// The work of one job; its life is the host's.
/// <code>
///   RunAsync ─► PrepareAsync ─┬► Commit ─► CleanAsync
///                             └► Abort  ─► CleanAsync
/// </code>
/// </summary>
public abstract class Job : IAsyncDisposable
{
    /// <summary>Does the work; reaches a pause point at least once a buffer.</summary>
    public abstract Task RunAsync(IJobContext context, CancellationToken cancellationToken);

    /// <summary>Whether <see cref="CompleteAsync"/> means anything to this job.</summary>
    public virtual bool CanComplete => false;

    /// <summary>A user asks a ready job to finish.</summary>
    public virtual ValueTask CompleteAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>A user cancels. Returns whether the cancellation is forced (true) or a soft end of a ready job.</summary>
    public virtual bool Cancel(bool force) => true;

    /// <summary>Last step that can fail, after every job of the transaction has run.</summary>
    public virtual ValueTask PrepareAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public virtual void Commit()
    {
    }

    public virtual void Abort()
    {
    }

    public virtual ValueTask CleanAsync() => ValueTask.CompletedTask;

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>What the host gives a running job.</summary>
public interface IJobContext
{
    string? Id { get; }

    /// <summary>Waits while the job is paused.</summary>
    ValueTask PausePointAsync(CancellationToken cancellationToken);

    /// <summary>Charges <paramref name="bytes"/> to the job's speed limit and waits as long as that asks for.</summary>
    ValueTask ThrottleAsync(long bytes, CancellationToken cancellationToken);

    /// <summary>Bytes done and bytes in all; the first only grows.</summary>
    void ReportProgress(long current, long total);

    /// <summary>The job has caught up and waits for complete or cancel.</summary>
    void SetReady();
}

[Flags]
public enum JobFlags
{
    None = 0,

    /// <summary>No id, no events, not listed.</summary>
    Internal = 1,

    ManualFinalize = 2,

    ManualDismiss = 4,
}

/// <summary>How a job is to be run.</summary>
public sealed record JobRequest
{
    public required JobType Type { get; init; }

    /// <summary>Null for internal jobs.</summary>
    public required string? Id { get; init; }

    public JobFlags Flags { get; init; }

    /// <summary>Bytes a second; 0: no limit.</summary>
    public long Speed { get; init; }
}

public sealed record JobSummary(string Id, string Type, string Status, long Current, long Total, string? Error);

/// <summary>The jobs that exist.</summary>
public interface IJobs
{
    IReadOnlyList<JobSummary> List();

    /// <exception cref="Qmp.QmpException">The id is taken or not well formed.</exception>
    void Start(JobRequest request, Job job);
}
