// SPDX-License-Identifier: MIT
using BlockHost.Jobs.Tests.Support;

namespace BlockHost.Jobs.Tests;

/// <summary>The events of whole lives of jobs: QEMU's, in QEMU's order.</summary>
public sealed class LifeTests
{
    private readonly JobBed _bed = new();

    [Fact]
    public async Task Manual_finalize_and_dismiss()
    {
        var (job, work) = await _bed.StartAsync("a", JobFlags.ManualFinalize | JobFlags.ManualDismiss);
        await work.EndAsync(job);
        Assert.Equal(
            ["created a", "running a", "waiting a", "pending a", "BLOCK_JOB_PENDING a"],
            await _bed.TakeAsync("BLOCK_JOB_PENDING a"));

        await job.FinalizeAsync();
        Assert.Equal(["BLOCK_JOB_COMPLETED a", "concluded a"], await _bed.TakeAsync());

        await job.DismissAsync();
        Assert.Equal(["null a"], await _bed.TakeAsync());
        Assert.Equal(["prepare", "commit", "clean", "dispose"], work.Calls);
        Assert.Empty(_bed.Jobs.List());
    }

    [Fact]
    public async Task An_error_that_is_reported()
    {
        var (job, work) = await _bed.StartAsync("a");
        await work.DoAsync(job, context =>
        {
            Assert.Equal(JobErrorAction.Report, context.HandleError(BlockdevOnError.Report, isRead: true, 5));
            throw new JobException(5);
        });

        Assert.Equal(
            [
                "created a", "running a", "BLOCK_JOB_ERROR a read report", "aborting a",
                "BLOCK_JOB_COMPLETED a: Input/output error", "concluded a", "null a"],
            await _bed.TakeAsync("null a"));
        Assert.Equal(["abort", "clean", "dispose"], work.Calls);
    }

    [Fact]
    public async Task An_error_that_stops_and_a_cancelled_job()
    {
        var (job, work) = await _bed.StartAsync("a");
        await work.DoAsync(job, async context =>
        {
            Assert.Equal(JobErrorAction.Stop, context.HandleError(BlockdevOnError.Stop, isRead: true, 5));
            await context.PausePointAsync();
        });
        Assert.Equal(["created a", "running a", "BLOCK_JOB_ERROR a read stop", "paused a"], await _bed.TakeAsync("paused a"));
        Assert.Equal(JobIoStatus.Failed, job.Info.IoStatus);

        await job.CancelAsync(force: true);
        Assert.Equal(
            ["running a", "aborting a", "BLOCK_JOB_CANCELLED a", "concluded a", "null a"], await _bed.TakeAsync("null a"));
        Assert.Equal("Operation canceled", await job.Concluded);
    }

    [Fact]
    public async Task A_ready_job_that_is_paused_resumed_and_softly_cancelled()
    {
        var (job, work) = await _bed.StartAsync("a", with: work => work.Softly = true);
        await work.DoAsync(job, context => context.SetReady());
        Assert.Equal(["created a", "running a", "ready a", "BLOCK_JOB_READY a"], await _bed.TakeAsync("BLOCK_JOB_READY a"));

        await job.PauseAsync();
        await work.PausePointAsync(job);
        Assert.Equal(["standby a"], await _bed.TakeAsync("standby a"));
        await job.ResumeAsync();
        Assert.Equal(["ready a"], await _bed.TakeAsync());
        await work.SettledAsync(job);

        await job.CancelAsync(force: false);
        await work.EndAsync(job);
        Assert.Equal(
            ["waiting a", "pending a", "BLOCK_JOB_COMPLETED a", "concluded a", "null a"], await _bed.TakeAsync("null a"));
        Assert.Null(await job.Concluded);
    }

    [Fact]
    public async Task A_ready_job_that_is_cancelled_by_force()
    {
        var (job, work) = await _bed.StartAsync("a", JobFlags.ManualDismiss, with: work => work.Softly = true);
        await work.DoAsync(job, context => context.SetReady());
        await _bed.TakeAsync();

        await job.CancelAsync(force: true);

        Assert.Equal(["aborting a", "BLOCK_JOB_CANCELLED a", "concluded a"], await _bed.TakeAsync("concluded a"));
        Assert.Equal("Operation canceled", job.Info.Error);
    }

    [Fact]
    public async Task A_group_waits_for_the_one_that_a_user_has_to_finalize()
    {
        var group = _bed.Jobs.CreateGroup();
        var (first, firstWork) = await _bed.StartAsync("h1", JobFlags.ManualFinalize, group);
        var (second, secondWork) = await _bed.StartAsync("h2", group: group);
        await _bed.TakeAsync();

        await secondWork.EndAsync(second);
        await _bed.TakeAsync("waiting h2");
        await firstWork.EndAsync(first);
        Assert.Equal(
            ["waiting h1", "pending h2", "pending h1", "BLOCK_JOB_PENDING h1"], await _bed.TakeAsync("BLOCK_JOB_PENDING h1"));

        await second.FinalizeAsync();
        Assert.Equal(
            ["BLOCK_JOB_COMPLETED h2", "concluded h2", "null h2", "BLOCK_JOB_COMPLETED h1", "concluded h1", "null h1"],
            await _bed.TakeAsync());
    }

    [Fact]
    public async Task A_group_goes_down_with_the_one_that_fails()
    {
        var group = _bed.Jobs.CreateGroup();
        var (_, firstWork) = await _bed.StartAsync("g1", JobFlags.ManualDismiss, group);
        var (second, secondWork) = await _bed.StartAsync("g2", JobFlags.ManualDismiss, group);
        await _bed.TakeAsync();

        await secondWork.FailAsync(second);

        Assert.Equal(
            [
                "aborting g2", "BLOCK_JOB_COMPLETED g2: Input/output error", "concluded g2", "aborting g1",
                "BLOCK_JOB_CANCELLED g1", "concluded g1"],
            await _bed.TakeAsync("concluded g1"));
        Assert.Equal(["abort", "clean"], firstWork.Calls);
    }

    [Fact]
    public async Task A_job_that_is_called_off_before_it_starts()
    {
        var (setup, work) = await _bed.CreateAsync("a");

        await setup.CancelAsync();

        Assert.Equal(["created a", "aborting a", "concluded a", "null a"], await _bed.TakeAsync());
        Assert.Equal(["abort", "clean", "dispose"], work.Calls);
    }

    [Fact]
    public async Task A_job_whose_setup_fails()
    {
        var (setup, work) = await _bed.CreateAsync("a");

        await setup.FailAsync();

        Assert.Equal(["created a", "null a"], await _bed.TakeAsync());
        Assert.Equal(["dispose"], work.Calls);
    }
}
