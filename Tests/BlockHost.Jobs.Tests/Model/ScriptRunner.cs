// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Jobs.Tests.Support;
using BlockHost.Qmp;

namespace BlockHost.Jobs.Tests.Model;

/// <summary>Runs a script against the host's machine and the reference, and compares them after every operation.</summary>
internal sealed class ScriptRunner
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly JobBed _bed = new();
    private readonly ReferenceMachine _reference = new();
    private readonly Dictionary<string, (IJobSetup Setup, ScriptedJob Work)> _jobs = [];
    private readonly Dictionary<ReferenceGroup, IJobGroup> _groups = [];

    /// <summary>What differs, or null.</summary>
    public static async Task<string?> RunAsync(IReadOnlyList<Operation> script)
    {
        var runner = new ScriptRunner();
        foreach (var operation in script)
        {
            if (await runner.DifferenceAfterAsync(operation) is { } difference)
                return $"after {operation}: {difference}";
        }

        return null;
    }

    private async Task<string?> DifferenceAfterAsync(Operation operation)
    {
        var before = _reference.Jobs.GetValueOrDefault(operation.Id);
        var (status, doing, drains) = (before?.Status, before?.Doing, before?.Drains);
        var expected = _reference.Apply(operation);
        string? answer = null;
        try
        {
            if (operation is Create or Advance || before is not null)
                await DoAsync(operation, status, doing, drains);
        }
        catch (QmpException e)
        {
            answer = e.Message;
        }

        if (answer != expected)
            return $"answers '{answer}', should be '{expected}'";
        return await DifferenceAsync();
    }

    private async Task DoAsync(Operation operation, JobStatus? status, Doing? doing, int? drains)
    {
        var (setup, work) = _jobs.GetValueOrDefault(operation.Id);
        switch (operation)
        {
            case Create create:
                await CreateAsync(create);
                break;
            case Start when status == JobStatus.Created:
                setup.Start();
                break;
            case FailSetup when status == JobStatus.Created:
                await setup.FailAsync();
                break;
            case CallOff when status == JobStatus.Created:
                await setup.CancelAsync();
                break;
            case Drain { Begins: true }:
                ((IDrainedUser)setup).DrainBegin();
                break;
            case Drain { Begins: false } when drains > 0:
                ((IDrainedUser)setup).DrainEnd();
                break;
            case Step step when doing == Doing.Working:
                work.Give(context => WorkAsync(context, step.Kind, status));
                break;
            case Ask ask:
                await AskAsync(setup.Job, ask);
                break;
            case Advance:
                _bed.Clock.Advance(TimeSpan.FromSeconds(1));
                break;
        }
    }

    private async Task CreateAsync(Create create)
    {
        var job = _reference.Jobs[create.Id];
        if (!_groups.TryGetValue(job.Group, out var group))
            _groups.Add(job.Group, group = _bed.Jobs.CreateGroup());
        var (setup, work) = await _bed.CreateAsync(create.Id, create.Flags, group);
        work.Softly = create.Softly;
        work.Completable = create.Completable;
        work.PrepareError = create.PrepareFails ? "prepare failed" : null;
        _jobs[create.Id] = (setup, work);
    }

    private static ValueTask AskAsync(IJob job, Ask ask) => ask.Verb switch
    {
        JobVerb.Pause => job.PauseAsync(),
        JobVerb.Resume => job.ResumeAsync(),
        JobVerb.Cancel => job.CancelAsync(ask.Force),
        JobVerb.SetSpeed => job.SetSpeedAsync(ask.Speed),
        JobVerb.Complete => job.CompleteAsync(CancellationToken.None),
        JobVerb.Finalize => job.FinalizeAsync(),
        _ => job.DismissAsync(),
    };

    private static async Task WorkAsync(IJobContext context, StepKind kind, JobStatus? status)
    {
        switch (kind)
        {
            case StepKind.PausePoint:
                await context.PausePointAsync();
                break;
            case StepKind.Ready when status == JobStatus.Running:
                context.SetReady();
                break;
            case StepKind.Sleep:
                await context.SleepAsync(TimeSpan.FromSeconds(1));
                break;
            case StepKind.ErrorIgnored:
                context.HandleError(BlockdevOnError.Ignore, isRead: false, 5);
                break;
            case StepKind.ErrorStops:
                context.HandleError(BlockdevOnError.Stop, isRead: true, 5);
                await context.PausePointAsync();
                break;
            case StepKind.ErrorReported:
                context.HandleError(BlockdevOnError.Enospc, isRead: true, 5);
                throw new JobException(5);
            case StepKind.Fail:
                throw new JobException(28);
            case StepKind.End:
                throw ScriptedJob.GoodEnd();
        }
    }

    private async Task<string?> DifferenceAsync()
    {
        var end = DateTime.UtcNow + Patience;
        string? difference;
        for (var turns = 0; (difference = Difference()) is not null && DateTime.UtcNow < end; turns++)
        {
            if (turns < 50)
                await Task.Yield();
            else
                await Task.Delay(1);
        }

        return difference;
    }

    private string? Difference()
    {
        var events = _bed.Events;
        if (!events.SequenceEqual(_reference.Events))
            return $"told:\n  {string.Join(", ", events)}\nshould have told:\n  {string.Join(", ", _reference.Events)}";
        var ids = _bed.Jobs.List().Select(job => job.Id!).Order();
        if (!ids.SequenceEqual(_reference.Jobs.Keys.Order()))
            return $"there are {string.Join(", ", ids)}, should be {string.Join(", ", _reference.Jobs.Keys)}";
        return _reference.Jobs.Values.Select(job => Difference(job, _jobs[job.Id]))
            .FirstOrDefault(difference => difference is not null);
    }

    private static string? Difference(ReferenceJob job, (IJobSetup Setup, ScriptedJob Work) real)
    {
        var info = real.Setup.Job.Info;
        var (ours, should) = (
            (info.Status, info.Paused, info.UserPaused, info.IoStatus, info.Error),
            (job.Status, job.Pauses > 0, job.UserPaused, job.IoStatus, job.Error));
        if (ours != should)
            return $"{job.Id} is {ours}, should be {should}";
        var atRest = job.Doing switch
        {
            Doing.Working => real.Work.Waits,
            Doing.Asleep => !info.Busy,
            Doing.Ended => real.Work.Ended,
            _ => true,
        };
        return atRest ? null : $"the work of {job.Id} should be {job.Doing}";
    }
}
