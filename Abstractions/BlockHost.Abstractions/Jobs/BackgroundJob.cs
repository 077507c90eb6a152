// SPDX-License-Identifier: MIT
namespace BlockHost.Jobs;

/// <summary>
/// The work of one job; its life is the host's.
/// <code>
///   RunAsync ─► PrepareAsync ─┬► CommitAsync ─► CleanAsync ─► DisposeAsync
///                             └► AbortAsync  ─► CleanAsync ─► DisposeAsync
/// </code>
/// The steps after RunAsync come when every job of the transaction has run (and, where a job asks for it, a user finalizes).
/// They run one after another, newest job first, and change the graph. A job that fails or is cancelled before it has
/// started sees only AbortAsync, CleanAsync and DisposeAsync.
/// </summary>
public abstract class BackgroundJob : IAsyncDisposable
{
    /// <summary>
    /// Does the work. One flow of control that reaches a pause point (<see cref="IJobContext.PausePointAsync"/>) at least once
    /// a buffer; whoever drains one of the job's nodes waits for that.
    /// </summary>
    /// <param name="cancellationToken">A forced cancellation. Ending by it is being cancelled, whatever is thrown.</param>
    /// <exception cref="JobException">The job failed. Any other exception is a failure too, with its message.</exception>
    public abstract Task RunAsync(IJobContext context, CancellationToken cancellationToken);

    /// <summary>Whether <see cref="Complete"/> means anything to this job.</summary>
    public virtual bool CanComplete => false;

    /// <summary>A user asks a ready job to finish: note it and return. The job is woken if it sleeps.</summary>
    /// <exception cref="Qmp.QmpException">It cannot be.</exception>
    public virtual void Complete()
    {
    }

    /// <summary>As <see cref="Complete"/>, for a job that has something to open or to check first.</summary>
    public virtual ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        Complete();
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// A cancellation is asked for. Returns whether it is forced; where not, the job goes on to a good end of its own
    /// (<see cref="IJobContext.IsCancelRequested"/>). May be called more than once, at any time; must not block.
    /// </summary>
    /// <param name="isReady">The job had reported ready.</param>
    public virtual bool Cancel(bool force, bool isReady) => true;

    /// <summary>
    /// The job is about to pause: let what it has in flight end. Called on the job's own flow, in a pause point.
    /// </summary>
    public virtual ValueTask PausingAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>The pause is over.</summary>
    public virtual void Resumed()
    {
    }

    /// <summary>A user resumes the job after an error: forget the I/O errors of targets. Must not block.</summary>
    public virtual void UserResumed()
    {
    }

    /// <summary>The speed limit is another now; 0: none. Must not block.</summary>
    public virtual void SpeedChanged(long bytesPerSecond)
    {
    }

    /// <summary>Last step that can fail, after every job of the transaction has run.</summary>
    /// <exception cref="JobException">The whole transaction is aborted.</exception>
    public virtual ValueTask PrepareAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>The transaction has succeeded. Must not throw.</summary>
    public virtual ValueTask CommitAsync() => ValueTask.CompletedTask;

    /// <summary>The transaction has failed or was cancelled: take back what the job did. Must not throw.</summary>
    public virtual ValueTask AbortAsync() => ValueTask.CompletedTask;

    /// <summary>
    /// After either. Nodes still held (<see cref="IJobContext.ReleaseNodesAsync"/>) are let go of when the job is gone from
    /// queries.
    /// </summary>
    public virtual ValueTask CleanAsync() => ValueTask.CompletedTask;

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
