// SPDX-License-Identifier: MIT
using System.Threading.Channels;

namespace BlockHost.Jobs.Tests.Support;

/// <summary>A job that does what a test tells it, step by step.</summary>
internal sealed class ScriptedJob : BackgroundJob
{
    private readonly Channel<Func<IJobContext, Task>> _steps = Channel.CreateUnbounded<Func<IJobContext, Task>>();
    private volatile bool _waits;
    private int _given;
    private int _done;

    public bool Softly { get; set; }

    public bool Completable { get; set; }

    /// <summary>Goes on when it is cancelled.</summary>
    public bool Deaf { get; set; }

    public string? PrepareError { get; set; }

    /// <summary>What the host has called, in order: "prepare", "commit", …</summary>
    public List<string> Calls { get; } = [];

    public bool Ended { get; private set; }

    /// <summary>The work waits for a step.</summary>
    public bool Waits => _waits && Volatile.Read(ref _given) == Volatile.Read(ref _done);

    public override bool CanComplete => Completable;

    /// <summary>What a step throws to end the work well.</summary>
    public static Exception GoodEnd() => new EndException();

    public void Give(Func<IJobContext, Task> step)
    {
        Interlocked.Increment(ref _given);
        _steps.Writer.TryWrite(step);
    }

    /// <summary>Does one step and then waits for the next, for a pause, or for the end.</summary>
    public async Task DoAsync(IJob job, Func<IJobContext, Task> step)
    {
        Give(step);
        await SettledAsync(job);
    }

    public Task DoAsync(IJob job, Action<IJobContext> step) => DoAsync(job, context =>
    {
        step(context);
        return Task.CompletedTask;
    });

    public Task EndAsync(IJob job) => DoAsync(job, _ => throw new EndException());

    public Task FailAsync(IJob job, int errno = 5) => DoAsync(job, _ => throw new JobException(errno));

    public Task PausePointAsync(IJob job) => DoAsync(job, async context => await context.PausePointAsync());

    /// <summary>Nothing moves any more: the work waits for a step, is paused or asleep, or has come to rest at its end.</summary>
    public Task SettledAsync(IJob job) => Eventually.HoldsAsync(
        () => IsAtRest(job),
        () => $"the job does not come to rest: {job.Info.Status}, ended: {Ended}, waits: {_waits}");

    public override async Task RunAsync(IJobContext context, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                _waits = true;
                var step = await _steps.Reader.ReadAsync(Deaf ? CancellationToken.None : cancellationToken);
                _waits = false;
                await step(context);
                Interlocked.Increment(ref _done);
            }
        }
        catch (EndException)
        {
            // The good end.
        }
        finally
        {
            _waits = false;
            Ended = true;
        }
    }

    public override void Complete() => Calls.Add("complete");

    public override bool Cancel(bool force, bool isReady) => force || !(Softly && isReady);

    public override void UserResumed() => Calls.Add("user-resumed");

    public override ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        Calls.Add("prepare");
        return PrepareError is null ? default : throw new JobException(5, PrepareError);
    }

    public override ValueTask CommitAsync() => Note("commit");

    public override ValueTask AbortAsync() => Note("abort");

    public override ValueTask CleanAsync() => Note("clean");

    public override ValueTask DisposeAsync() => Note("dispose");

    private bool IsAtRest(IJob job) => job.Info switch
    {
        { Status: JobStatus.Running or JobStatus.Ready } info => !Ended && (!info.Busy || Waits),
        { Status: JobStatus.Paused or JobStatus.Standby } => true,
        { Status: JobStatus.Waiting or JobStatus.Pending or JobStatus.Concluded or JobStatus.Null or JobStatus.Created } => true,
        _ => false,
    };

    private ValueTask Note(string call)
    {
        Calls.Add(call);
        return default;
    }

    private sealed class EndException : Exception;
}
