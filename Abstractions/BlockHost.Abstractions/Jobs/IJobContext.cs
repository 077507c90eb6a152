// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins;

namespace BlockHost.Jobs;

/// <summary>What the host gives a running job. Members without a note may be used from any thread.</summary>
public interface IJobContext
{
    /// <summary>Null for internal jobs.</summary>
    string? Id { get; }

    IPluginHost Host { get; }

    /// <summary>The job has been cancelled and is to end at once; <c>RunAsync</c>'s token says the same.</summary>
    bool IsCancelled { get; }

    /// <summary>As <see cref="IsCancelled"/>, or softly: the job is to come to a good end soon.</summary>
    bool IsCancelRequested { get; }

    /// <summary>A pause has been asked for: the next pause point will pause.</summary>
    bool ShouldPause { get; }

    /// <summary>Bytes a second; 0: no limit.</summary>
    long Speed { get; }

    /// <summary>
    /// Waits while the job is paused. Only on the job's own flow. Completes at once where no pause is asked for.
    /// </summary>
    ValueTask PausePointAsync();

    /// <summary>
    /// Charges <paramref name="bytes"/> to the speed limit and waits as long as that asks for; a pause point. A pause, a
    /// cancellation, and a higher limit cut the wait short. Only on the job's own flow.
    /// </summary>
    ValueTask ThrottleAsync(long bytes);

    /// <summary>Charges to the speed limit without waiting. Returns how long to hold back (zero: not at all).</summary>
    TimeSpan Charge(long bytes);

    /// <summary>
    /// Sleeps, for ever with <see cref="Timeout.InfiniteTimeSpan"/>, until woken (<see cref="Wake"/>, a verb of a user); then a
    /// pause point. Only on the job's own flow.
    /// </summary>
    ValueTask SleepAsync(TimeSpan duration);

    /// <summary>Ends a sleep, or keeps the next one from starting.</summary>
    void Wake();

    /// <summary>Counts work done; the sum is what queries call current-progress or offset.</summary>
    void AddProgress(long done);

    /// <summary>Sets the total to what is done and <paramref name="remaining"/>.</summary>
    void SetRemaining(long remaining);

    /// <summary>More (or, negative, less) work has come up.</summary>
    void AddRemaining(long delta);

    /// <summary>The job has caught up and waits for complete or cancel. Once; only on the job's own flow.</summary>
    void SetReady();

    /// <summary>
    /// An I/O error: tells monitors (BLOCK_JOB_ERROR), sets the I/O status and, for <see cref="JobErrorAction.Stop"/>, asks for a
    /// pause that a user resumes. The job then tries again at its next pause point (Stop), goes on (Ignore), or fails (Report).
    /// </summary>
    /// <param name="errno">Positive Linux errno.</param>
    JobErrorAction HandleError(BlockdevOnError policy, bool isRead, int errno);

    /// <summary>
    /// While it lasts, drains of the job's nodes do not wait for the job: for a body that itself drains or changes the graph.
    /// The job must have nothing else in flight that could be held back.
    /// </summary>
    IDisposable ChangeGraph();

    /// <summary>Lets go of nodes that the job holds or has backends on, all of them or the given ones. Disposes them.</summary>
    ValueTask ReleaseNodesAsync(params IReadOnlyList<Block.Graph.IBlockBackend> backends);
}

/// <summary>What is done about an I/O error of a job (BlockErrorAction).</summary>
public enum JobErrorAction
{
    Ignore = 0,
    Report = 1,
    Stop = 2,
}
