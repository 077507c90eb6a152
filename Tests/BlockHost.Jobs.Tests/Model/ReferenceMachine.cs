// SPDX-License-Identifier: MIT
namespace BlockHost.Jobs.Tests.Model;

/// <summary>
/// What the tables and rules say should become of jobs, told without threads: after each operation all has come to rest.
/// Written from the rules and apart from the host's code.
/// </summary>
internal sealed class ReferenceMachine
{
    private static readonly Dictionary<JobVerb, JobStatus[]> Accepted = new()
    {
        [JobVerb.Cancel] = [
            JobStatus.Created, JobStatus.Running, JobStatus.Paused, JobStatus.Ready, JobStatus.Standby, JobStatus.Waiting,
            JobStatus.Pending],
        [JobVerb.Pause] = [JobStatus.Created, JobStatus.Running, JobStatus.Paused, JobStatus.Ready, JobStatus.Standby],
        [JobVerb.Resume] = [JobStatus.Created, JobStatus.Running, JobStatus.Paused, JobStatus.Ready, JobStatus.Standby],
        [JobVerb.SetSpeed] = [JobStatus.Created, JobStatus.Running, JobStatus.Paused, JobStatus.Ready, JobStatus.Standby],
        [JobVerb.Complete] = [JobStatus.Ready, JobStatus.Standby],
        [JobVerb.Finalize] = [JobStatus.Pending],
        [JobVerb.Dismiss] = [JobStatus.Concluded],
    };

    private readonly ReferenceGroup[] _groups = [new(), new(), new()];

    public Dictionary<string, ReferenceJob> Jobs { get; } = [];

    public List<string> Events { get; } = [];

    /// <summary>The error that the operation answers, or null.</summary>
    public string? Apply(Operation operation)
    {
        if (operation is Create create)
            return New(create);
        if (operation is Advance)
        {
            foreach (var sleeper in Jobs.Values.Where(job => job.Doing == Doing.Asleep).ToList())
                WakeUp(sleeper);
            return null;
        }

        return Jobs.TryGetValue(operation.Id, out var job) ? Apply(job, operation) : null;
    }

    private string? Apply(ReferenceJob job, Operation operation)
    {
        switch (operation)
        {
            case Start when job.Status == JobStatus.Created:
                Begin(job);
                break;
            case FailSetup when job.Status == JobStatus.Created:
                job.Group.Members.Remove(job);
                Vanish(job);
                break;
            case CallOff when job.Status == JobStatus.Created:
                RequestCancel(job, force: true);
                Exit(job);
                break;
            case Drain { Begins: true }:
                job.Drains++;
                AddPause(job);
                break;
            case Drain { Begins: false } when job.Drains > 0:
                job.Drains--;
                EndPause(job);
                break;
            case Step step when job.Doing == Doing.Working:
                Work(job, step.Kind);
                break;
            case Ask ask:
                return Answer(job, ask);
        }

        return null;
    }

    private string? New(Create create)
    {
        if (Jobs.ContainsKey(create.Id))
            return $"Job ID '{create.Id}' already in use";
        if (create.Group > 0 && _groups[create.Group].IsClosed)
            _groups[create.Group] = new ReferenceGroup();
        var job = new ReferenceJob(create, create.Group > 0 ? _groups[create.Group] : new ReferenceGroup());
        job.Group.Members.Insert(0, job);
        Jobs.Add(job.Id, job);
        Become(job, JobStatus.Created);
        return null;
    }

    private void Begin(ReferenceJob job)
    {
        job.Group.IsClosed = true;
        job.Pauses--;
        job.Doing = Doing.Working;
        Become(job, JobStatus.Running);
        PausePoint(job);
    }

    private string? Answer(ReferenceJob job, Ask ask)
    {
        if (ask.Verb == JobVerb.Resume && !job.UserPaused)
            return "Can't resume a job that was not paused";
        if (!Accepted[ask.Verb].Contains(job.Status))
            return $"Job '{job.Id}' in state '{job.Status.ToString().ToLowerInvariant()}' cannot accept command verb '{(ask.Verb == JobVerb.SetSpeed ? "set-speed" : ask.Verb.ToString().ToLowerInvariant())}'";
        switch (ask.Verb)
        {
            case JobVerb.Pause when job.UserPaused:
                return "Job is already paused";
            case JobVerb.Pause:
                job.UserPaused = true;
                AddPause(job);
                break;
            case JobVerb.Resume:
                job.UserPaused = false;
                job.IoStatus = JobIoStatus.Ok;
                EndPause(job);
                break;
            case JobVerb.SetSpeed when ask.Speed < 0:
                return "Parameter 'speed' expects a non-negative value";
            case JobVerb.SetSpeed:
                if (ask.Speed == 0 || ask.Speed > job.Speed)
                    WakeUp(job);
                job.Speed = ask.Speed;
                break;
            case JobVerb.Complete when job.CancelRequested || !job.Completable:
                return $"The active block job '{job.Id}' cannot be completed";
            case JobVerb.Complete:
                job.WakePending = job.Doing != Doing.Asleep;
                WakeUp(job);
                break;
            case JobVerb.Cancel:
                Cancel(job, ask.Force);
                break;
            case JobVerb.Finalize:
                FinalizeAll(job.Group);
                break;
            case JobVerb.Dismiss:
                Vanish(job);
                break;
        }

        return null;
    }

    private void Cancel(ReferenceJob job, bool force)
    {
        RequestCancel(job, force);
        if (job.Doing is Doing.NotStarted)
        {
            Exit(job);
            return;
        }

        if (job.Doing is Doing.Ended)
        {
            if (job.CancelRequested)
                Abort(job.Group, job);
            return;
        }

        WakeUp(job);
        if (job.Forced || job.Pauses == 0)
            LeavePause(job);
        if (job.Forced)
            Exit(job);
    }

    private static void RequestCancel(ReferenceJob job, bool force)
    {
        var forced = force || !(job.Softly && job.IsReady);
        if (job.UserPaused)
        {
            job.UserPaused = false;
            job.IoStatus = JobIoStatus.Ok;
            job.Pauses--;
        }

        if (!forced && job.Doing == Doing.Ended)
            return;
        job.CancelRequested = true;
        job.Forced |= forced;
    }

    private void Work(ReferenceJob job, StepKind kind)
    {
        switch (kind)
        {
            case StepKind.PausePoint:
                PausePoint(job);
                break;
            case StepKind.Ready when job.Status == JobStatus.Running:
                Become(job, JobStatus.Ready);
                Events.Add($"BLOCK_JOB_READY {job.Id}");
                break;
            case StepKind.Sleep:
                var wake = job.WakePending;
                job.WakePending = false;
                if (wake || job.Pauses > 0)
                    PausePoint(job);
                else
                    job.Doing = Doing.Asleep;
                break;
            case StepKind.ErrorIgnored:
                Events.Add($"BLOCK_JOB_ERROR {job.Id} write ignore");
                break;
            case StepKind.ErrorStops:
                Events.Add($"BLOCK_JOB_ERROR {job.Id} read stop");
                job.Pauses += job.UserPaused ? 0 : 1;
                job.UserPaused = true;
                job.IoStatus = job.IoStatus == JobIoStatus.Ok ? JobIoStatus.Failed : job.IoStatus;
                PausePoint(job);
                break;
            case StepKind.ErrorReported:
                Events.Add($"BLOCK_JOB_ERROR {job.Id} read report");
                job.Error = "Input/output error";
                Exit(job);
                break;
            case StepKind.Fail:
                job.Error = "No space left on device";
                Exit(job);
                break;
            case StepKind.End:
                Exit(job);
                break;
        }
    }

    private void PausePoint(ReferenceJob job)
    {
        if (job.Pauses == 0 || job.Forced)
            return;
        job.ResumeTo = job.Status;
        job.Doing = Doing.Paused;
        Become(job, job.Status == JobStatus.Ready ? JobStatus.Standby : JobStatus.Paused);
    }

    private void LeavePause(ReferenceJob job)
    {
        if (job.Doing != Doing.Paused)
            return;
        job.Doing = Doing.Working;
        Become(job, job.ResumeTo);
    }

    private void AddPause(ReferenceJob job)
    {
        job.Pauses++;
        WakeUp(job);
    }

    private void EndPause(ReferenceJob job)
    {
        if (--job.Pauses == 0)
            LeavePause(job);
    }

    /// <summary>A sleep ends in a pause point.</summary>
    private void WakeUp(ReferenceJob job)
    {
        if (job.Doing != Doing.Asleep)
            return;
        job.Doing = Doing.Working;
        PausePoint(job);
    }

    private void Exit(ReferenceJob job)
    {
        if (job.IsStarted)
            job.Doing = Doing.Ended;
        job.Group.IsClosed = true;
        SettleResult(job);
        if (job.Error is null)
            Succeed(job.Group, job);
        else
            Abort(job.Group, job);
    }

    private void Succeed(ReferenceGroup group, ReferenceJob job)
    {
        Become(job, JobStatus.Waiting);
        if (group.Members.Any(member => !member.IsCompleted))
            return;
        foreach (var member in group.Members)
        {
            Become(member, JobStatus.Pending);
            if (member.ManualFinalize)
                Events.Add($"BLOCK_JOB_PENDING {member.Id}");
        }

        if (!group.Members.Exists(member => member.ManualFinalize))
            FinalizeAll(group);
    }

    private void FinalizeAll(ReferenceGroup group)
    {
        if (group.Members.Find(member => member.PrepareFails) is { } failing)
        {
            failing.Error = "prepare failed";
            SettleResult(failing);
            Abort(group, failing);
            return;
        }

        foreach (var member in group.Members.ToList())
            Conclude(member);
    }

    private void Abort(ReferenceGroup group, ReferenceJob job)
    {
        if (group.Aborting)
            return;
        group.Aborting = true;
        foreach (var other in group.Members.Where(member => member != job))
            RequestCancel(other, force: true);
        while (group.Members.FirstOrDefault() is { } member)
        {
            if (!member.IsCompleted)
            {
                LeavePause(member);
                if (member.IsStarted)
                    member.Doing = Doing.Ended;
            }

            SettleResult(member);
            Conclude(member);
        }
    }

    private void SettleResult(ReferenceJob job)
    {
        if (job.Error is null && job.Forced)
            job.Error = "Operation canceled";
        if (job.Error is not null)
            Become(job, JobStatus.Aborting);
    }

    private void Conclude(ReferenceJob job)
    {
        job.Group.Members.Remove(job);
        if (job.IsStarted)
            Events.Add(
                job.Forced ? $"BLOCK_JOB_CANCELLED {job.Id}" : $"BLOCK_JOB_COMPLETED {job.Id}{(job.Error is null ? "" : $": {job.Error}")}");
        Become(job, JobStatus.Concluded);
        if (!job.ManualDismiss || !job.IsStarted)
            Vanish(job);
    }

    private void Vanish(ReferenceJob job)
    {
        Become(job, JobStatus.Null);
        Jobs.Remove(job.Id);
    }

    private void Become(ReferenceJob job, JobStatus next)
    {
        if (job.Status != next)
            Events.Add($"{next.ToString().ToLowerInvariant()} {job.Id}");
        job.Status = next;
    }
}
