// SPDX-License-Identifier: MIT
using BlockHost.Jobs.Tests.Support;

namespace BlockHost.Jobs.Tests;

/// <summary>The speed limit, progress and rate, in a time that the test moves.</summary>
public sealed class SpeedTests
{
    private const long Chunk = 1000;
    private const long Speed = 20 * Chunk;

    private readonly JobBed _bed = new();

    [Fact]
    public async Task The_limit_holds_over_any_second()
    {
        var (job, work) = await _bed.StartAsync("a");
        await job.SetSpeedAsync(Speed);
        var moments = new List<TimeSpan>();
        var start = _bed.Clock.GetTimestamp();
        work.Give(async context =>
        {
            for (var i = 0; i < 100; i++)
            {
                moments.Add(_bed.Clock.GetElapsedTime(start));
                await context.ThrottleAsync(Chunk);
            }

            throw ScriptedJob.GoodEnd();
        });
        await RunClockUntilAsync(() => work.Ended);

        // A second's worth, the bucket, and the request that overdrew it.
        var most = moments.Max(first => moments.Count(moment => moment >= first && moment < first + TimeSpan.FromSeconds(1)));
        Assert.InRange(most, 20, 20 + 2 + 1);
        Assert.InRange(moments[^1].TotalSeconds, 4.5, 5.5);
    }

    [Fact]
    public async Task A_higher_limit_wakes_a_throttled_job_and_a_lower_one_does_not()
    {
        var (job, work) = await _bed.StartAsync("a");
        await job.SetSpeedAsync(10);
        await work.DoAsync(job, async context => await context.ThrottleAsync(1000));
        Assert.False(job.Info.Busy);

        await job.SetSpeedAsync(5);
        Assert.False(job.Info.Busy);
        await job.SetSpeedAsync(0);
        await work.SettledAsync(job);

        Assert.True(work.Waits);
    }

    [Fact]
    public async Task A_pause_cuts_a_throttled_wait_short_and_the_rest_is_waited_for_afterwards()
    {
        var (job, work) = await _bed.StartAsync("a");
        await job.SetSpeedAsync(1000);
        await work.DoAsync(job, async context => await context.ThrottleAsync(5100));

        await job.PauseAsync();
        await _bed.TakeAsync("paused a");
        await job.ResumeAsync();
        await Eventually.HoldsAsync(() => !job.Info.Busy, () => "the job does not wait for the rest");
        _bed.Clock.Advance(TimeSpan.FromSeconds(6));
        await Eventually.HoldsAsync(() => work.Waits, () => "the job still waits");
    }

    [Fact]
    public async Task Progress_grows_the_total_moves_and_the_rate_leaves_pauses_out()
    {
        var (job, work) = await _bed.StartAsync("a");
        await work.DoAsync(job, context => context.SetRemaining(1000));
        for (var i = 0; i < 100; i++)
        {
            _bed.Clock.Advance(TimeSpan.FromMilliseconds(100));
            await work.DoAsync(job, context => context.AddProgress(5));
        }

        await job.PauseAsync();
        await work.PausePointAsync(job);
        _bed.Clock.Advance(TimeSpan.FromHours(1));
        await work.DoAsync(job, context => context.AddRemaining(-100));
        await job.ResumeAsync();
        await work.SettledAsync(job);

        var info = job.Info;
        Assert.Equal((500, 900), (info.Current, info.Total));
        Assert.Equal(50, info.Rate!.Value, tolerance: 2.0);
        Assert.Equal(TimeSpan.FromSeconds(10), info.Elapsed);
    }

    [Fact]
    public async Task Progress_never_goes_back()
    {
        var (job, work) = await _bed.StartAsync("a");

        await work.DoAsync(job, context => Assert.Throws<ArgumentOutOfRangeException>(() => context.AddProgress(-1)));
    }

    private async Task RunClockUntilAsync(Func<bool> done)
    {
        while (!done())
        {
            await Eventually.HoldsAsync(() => _bed.Clock.Timers > 0 || done(), () => "nobody waits for the clock");
            _bed.Clock.Advance(TimeSpan.FromMilliseconds(10));
            await Task.Yield();
        }
    }
}
