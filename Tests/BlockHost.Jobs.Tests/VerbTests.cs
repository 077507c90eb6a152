// SPDX-License-Identifier: MIT
using BlockHost.Core.Jobs;
using BlockHost.Jobs.Tests.Support;
using BlockHost.Qmp;

namespace BlockHost.Jobs.Tests;

/// <summary>Every verb in every state: done, or refused with QEMU's text.</summary>
public sealed class VerbTests
{
    private readonly JobBed _bed = new();

    public static TheoryData<JobStatus, JobVerb> Cells()
    {
        var cells = new TheoryData<JobStatus, JobVerb>();
        foreach (var status in Enum.GetValues<JobStatus>().Where(status => status is not (JobStatus.Undefined or JobStatus.Null)))
        {
            foreach (var verb in Enum.GetValues<JobVerb>())
                cells.Add(status, verb);
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task A_verb_is_done_or_refused_by_name(JobStatus status, JobVerb verb)
    {
        var job = await JobInAsync(status);
        Assert.Equal(status, job.Info.Status);
        var isUserPaused = job.Info.UserPaused;

        var refusal = await Record.ExceptionAsync(() => AskAsync(job, verb));

        if (verb == JobVerb.Resume && !isUserPaused)
            Assert.Equal("Can't resume a job that was not paused", refusal?.Message);
        else if (verb == JobVerb.Pause && isUserPaused)
            Assert.Equal("Job is already paused", refusal?.Message);
        else if (JobTables.Allows(status, verb))
            Assert.Null(refusal);
        else
            Assert.Equal(
                $"Job 'a' in state '{JobTables.NameOf(status)}' cannot accept command verb '{JobTables.NameOf(verb)}'",
                Assert.IsType<QmpException>(refusal).Message);
    }

    [Theory]
    [InlineData("1a", "Invalid job ID '1a'")]
    [InlineData("", "Invalid job ID ''")]
    [InlineData("a b", "Invalid job ID 'a b'")]
    [InlineData(null, "An explicit job ID is required")]
    [InlineData("taken", "Job ID 'taken' already in use")]
    public async Task A_bad_id_is_refused(string? id, string text)
    {
        await _bed.CreateAsync("taken");

        Assert.Equal(text, (await Assert.ThrowsAsync<QmpException>(() => _bed.CreateAsync(id))).Message);
    }

    [Fact]
    public async Task An_internal_job_has_no_id_is_not_listed_and_tells_nothing()
    {
        Assert.Equal(
            "Cannot specify job ID for internal job",
            (await Assert.ThrowsAsync<QmpException>(() => _bed.CreateAsync("a", JobFlags.Internal))).Message);

        var (job, work) = await _bed.StartAsync(id: null, JobFlags.Internal);
        Assert.Empty(_bed.Jobs.List());
        await work.EndAsync(job);

        Assert.Null(await job.Concluded);
        Assert.Empty(_bed.Events);
    }

    [Fact]
    public async Task Completing_wants_a_job_that_can()
    {
        var (job, work) = await _bed.StartAsync("a");
        await work.DoAsync(job, context => context.SetReady());

        var refusal = await Assert.ThrowsAsync<QmpException>(async () => await job.CompleteAsync(CancellationToken.None));

        Assert.Equal("The active block job 'a' cannot be completed", refusal.Message);
    }

    [Fact]
    public async Task A_job_of_another_kind_tells_only_of_its_states()
    {
        var (job, work) = await _bed.StartAsync("a", JobFlags.ManualFinalize, isBlockJob: false);
        await work.DoAsync(job, context => context.HandleError(BlockdevOnError.Ignore, isRead: true, 5));
        await work.EndAsync(job);
        await _bed.TakeAsync("pending a");
        await job.FinalizeAsync();

        Assert.Equal(["concluded a", "null a"], await _bed.TakeAsync());
    }

    private static Task AskAsync(IJob job, JobVerb verb) => verb switch
    {
        JobVerb.Cancel => job.CancelAsync(force: false).AsTask(),
        JobVerb.Pause => job.PauseAsync().AsTask(),
        JobVerb.Resume => job.ResumeAsync().AsTask(),
        JobVerb.SetSpeed => job.SetSpeedAsync(1).AsTask(),
        JobVerb.Complete => job.CompleteAsync(CancellationToken.None).AsTask(),
        JobVerb.Dismiss => job.DismissAsync().AsTask(),
        _ => job.FinalizeAsync().AsTask(),
    };

    private async Task<IJob> JobInAsync(JobStatus status)
    {
        const JobFlags Manual = JobFlags.ManualDismiss | JobFlags.ManualFinalize;
        if (status == JobStatus.Created)
            return (await _bed.CreateAsync("a")).Setup.Job;
        var group = _bed.Jobs.CreateGroup();
        var (job, work) = await _bed.StartAsync(
            "a", status == JobStatus.Concluded ? JobFlags.ManualDismiss : Manual, group, with: work => work.Completable = true);
        switch (status)
        {
            case JobStatus.Paused:
                await job.PauseAsync();
                await work.PausePointAsync(job);
                break;
            case JobStatus.Ready:
                await work.DoAsync(job, context => context.SetReady());
                break;
            case JobStatus.Standby:
                await work.DoAsync(job, context => context.SetReady());
                await job.PauseAsync();
                await work.PausePointAsync(job);
                break;
            case JobStatus.Waiting:
                await _bed.StartAsync("other", group: group);
                await work.EndAsync(job);
                await _bed.TakeAsync("waiting a");
                break;
            case JobStatus.Pending:
                await work.EndAsync(job);
                await _bed.TakeAsync("BLOCK_JOB_PENDING a");
                break;
            case JobStatus.Aborting:
                // A newer member that does not heed its cancellation holds up the end of the group.
                await _bed.StartAsync("other", group: group, with: other => other.Deaf = true);
                work.Give(_ => throw new JobException(5));
                await _bed.TakeAsync("aborting a");
                break;
            case JobStatus.Concluded:
                await work.EndAsync(job);
                await _bed.TakeAsync("concluded a");
                break;
        }

        return job;
    }
}
