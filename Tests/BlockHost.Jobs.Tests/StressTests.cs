// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Jobs.Tests.Support;
using BlockHost.Qmp;

namespace BlockHost.Jobs.Tests;

/// <summary>Verbs, drains and steps from many threads at once: whatever comes first, every job comes to its end.</summary>
public sealed class StressTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Every_job_ends_and_no_group_is_torn(int seed)
    {
        var bed = new JobBed();
        for (var round = 0; round < 60; round++)
        {
            var members = new List<(IJobSetup Setup, ScriptedJob Work)>();
            var group = bed.Jobs.CreateGroup();
            for (var i = 0; i < 3; i++)
                members.Add(await bed.CreateAsync($"j{i}", group: group));

            await Task.WhenAll(Enumerable.Range(0, 4).Select(
                thread => Task.Run(() => DisturbAsync(members, new Random((seed * 1000) + (round * 10) + thread)))));
            foreach (var (setup, work) in members)
            {
                await StartAsync(setup);
                work.Give(_ => throw ScriptedJob.GoodEnd());
                await SwallowAsync(() => setup.Job.ResumeAsync());
            }

            var ends = await Task.WhenAll(members.Select(member => member.Setup.Job.Concluded)).WaitAsync(Patience);
            Assert.Single(ends.Select(error => error is null).Distinct());
            await Eventually.HoldsAsync(() => bed.Jobs.List().Count == 0, () => "a job is left");
        }
    }

    [Fact]
    public async Task Ending_the_host_ends_jobs_in_every_state()
    {
        var bed = new JobBed();
        await bed.CreateAsync("created");
        var (paused, pausedWork) = await bed.StartAsync("paused");
        await paused.PauseAsync();
        await pausedWork.PausePointAsync(paused);
        var (asleep, asleepWork) = await bed.StartAsync("asleep");
        await asleepWork.DoAsync(asleep, async context => await context.SleepAsync(Timeout.InfiniteTimeSpan));
        var (pending, pendingWork) = await bed.StartAsync("pending", JobFlags.ManualFinalize | JobFlags.ManualDismiss);
        await pendingWork.EndAsync(pending);
        await bed.TakeAsync("BLOCK_JOB_PENDING pending");
        var (concluded, concludedWork) = await bed.StartAsync("concluded", JobFlags.ManualDismiss);
        await concludedWork.EndAsync(concluded);
        await bed.TakeAsync("concluded concluded");

        await bed.Jobs.DisposeAsync().AsTask().WaitAsync(Patience);

        Assert.Empty(bed.Jobs.List());
        Assert.Contains("dispose", pendingWork.Calls);
    }

    private static async Task DisturbAsync(List<(IJobSetup Setup, ScriptedJob Work)> members, Random random)
    {
        for (var i = 0; i < 30; i++)
        {
            var (setup, work) = members[random.Next(members.Count)];
            switch (random.Next(12))
            {
                case 0:
                    await StartAsync(setup);
                    break;
                case 1 or 2:
                    await SwallowAsync(() => setup.Job.PauseAsync());
                    break;
                case 3 or 4:
                    await SwallowAsync(() => setup.Job.ResumeAsync());
                    break;
                case 5:
                    ((IDrainedUser)setup).DrainBegin();
                    work.Give(async context => await context.PausePointAsync());
                    await ((IDrainedUser)setup).WhenQuiet().WaitAsync(Patience);
                    ((IDrainedUser)setup).DrainEnd();
                    break;
                case 6 or 7 or 8:
                    work.Give(async context => await context.PausePointAsync());
                    break;
                case 9:
                    work.Give(async context => await context.ThrottleAsync(1));
                    break;
                case 10 when random.Next(10) == 0:
                    await SwallowAsync(() => setup.Job.CancelAsync(force: true));
                    break;
                case 11 when random.Next(10) == 0:
                    work.Give(_ => throw ScriptedJob.GoodEnd());
                    break;
            }
        }
    }

    private static Task StartAsync(IJobSetup setup) => SwallowAsync(() =>
    {
        setup.Start();
        return default;
    });

    // Who comes too late is refused.
    private static async Task SwallowAsync(Func<ValueTask> verb)
    {
        try
        {
            await verb();
        }
        catch (Exception e)
            when (e is QmpException
                or InvalidOperationException { Message: "A job is started once, after it was given its work" })
        {
        }
    }
}
