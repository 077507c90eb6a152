// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Jobs;

/// <summary>The jobs that exist, and the way to new ones.</summary>
public interface IJobs
{
    /// <summary>Jobs with an id, newest first.</summary>
    IReadOnlyList<IJob> List();

    bool TryGet(string id, [NotNullWhen(true)] out IJob? job);

    /// <summary>A transaction's jobs.</summary>
    IJobGroup CreateGroup();

    /// <summary>
    /// Makes a job that has not started (JOB_STATUS_CHANGE created). The caller holds nodes, sets the speed, and then starts it
    /// or lets it fail:
    /// <code>
    ///   var setup = await jobs.CreateAsync(new() { Type = type, Id = id }, ct);
    ///   try
    ///   {
    ///       var source = await setup.HoldAsync("source", node, permissions, ct);
    ///       await setup.SetSpeedAsync(arguments.Speed);
    ///       setup.Start(new CopyJob(source, …));
    ///   }
    ///   catch { await setup.FailAsync(); throw; }
    /// </code>
    /// </summary>
    /// <exception cref="Qmp.QmpException">The id is missing, taken or not well formed.</exception>
    ValueTask<IJobSetup> CreateAsync(JobRequest request, CancellationToken cancellationToken);
}

/// <summary>A job that has not started yet.</summary>
public interface IJobSetup
{
    IJob Job { get; }

    /// <summary>The same that the body gets.</summary>
    IJobContext Context { get; }

    /// <summary>
    /// Makes the job a user of the node: with these permissions, as the child of this name ("main node", "source", "target"), and
    /// with every operation blocked that <see cref="IGraphNode.CheckOperation"/> tells of. The node stays the job's when it is
    /// covered or replaced. Draining it pauses the job.
    /// </summary>
    /// <exception cref="BlockException">The permissions conflict with another user's.</exception>
    ValueTask<IBlockBackend> HoldAsync(
        string childName, IGraphNode node, BlockPermissionSet permissions, CancellationToken cancellationToken);

    /// <summary>
    /// As <see cref="HoldAsync"/>, but a block backend of the job's own: queries show it as one, no operation is blocked by name,
    /// and blockdev-del refuses the node as being in use.
    /// </summary>
    /// <exception cref="BlockException">The permissions conflict with another user's.</exception>
    ValueTask<IBlockBackend> OpenBackendAsync(
        IGraphNode node, BlockPermissionSet permissions, CancellationToken cancellationToken);

    /// <exception cref="Qmp.QmpException">It is negative.</exception>
    ValueTask SetSpeedAsync(long bytesPerSecond);

    /// <summary>
    /// Gives the job its work, before <see cref="Start()"/>: from now on AbortAsync and CleanAsync are called, whatever becomes
    /// of it.
    /// </summary>
    void SetWork(BackgroundJob work);

    /// <summary>Runs the job: created → running, and to paused at once if its nodes are drained.</summary>
    void Start();

    /// <summary><see cref="SetWork"/> and <see cref="Start()"/>.</summary>
    void Start(BackgroundJob work)
    {
        SetWork(work);
        Start();
    }

    /// <summary>The setup failed: created → null; nodes are let go of. Neither AbortAsync nor CleanAsync is called.</summary>
    ValueTask FailAsync();

    /// <summary>Called off before it started, with its group: created → aborting → concluded → null.</summary>
    ValueTask CancelAsync();
}

/// <summary>A job as its user sees it. Verbs are refused with QEMU's texts where the state does not allow them.</summary>
public interface IJob
{
    /// <summary>Null for internal jobs.</summary>
    string? Id { get; }

    JobType Type { get; }

    JobInfo Info { get; }

    /// <summary>Nodes that the job holds.</summary>
    IReadOnlyList<IBlockBackend> Nodes { get; }

    /// <summary>Completes when the job has concluded, with its error or null. Never faults.</summary>
    Task<string?> Concluded { get; }

    ValueTask PauseAsync();

    ValueTask ResumeAsync();

    ValueTask CancelAsync(bool force);

    ValueTask SetSpeedAsync(long bytesPerSecond);

    ValueTask CompleteAsync(CancellationToken cancellationToken);

    ValueTask FinalizeAsync();

    ValueTask DismissAsync();
}
