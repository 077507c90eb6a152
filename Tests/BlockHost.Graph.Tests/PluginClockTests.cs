// SPDX-License-Identifier: MIT
using BlockHost.Core.Logging;
using BlockHost.Jobs.Tests.Support;
using BlockHost.Oracle.Tests.Support;

namespace BlockHost.Graph.Tests;

/// <summary>The clock that drivers get.</summary>
public sealed class PluginClockTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ManualClock _time = new();
    private readonly RecordedLog _log = new();

    [Fact]
    public void A_timer_runs_as_the_hosts_clock_says()
    {
        using var clock = Clock();
        var ticks = 0;
        using var timer = clock.CreateTimer(_ => ticks++, null, Second, Second);

        _time.Advance(Second / 2);
        Assert.Equal(0, ticks);
        _time.Advance(Second / 2);
        Assert.Equal(1, ticks);
        Assert.Equal(_time.GetUtcNow(), clock.GetUtcNow());
    }

    [Fact]
    public void A_timer_that_throws_is_logged_as_the_plugins_mistake()
    {
        using var clock = Clock();
        using var timer = clock.CreateTimer(static _ => throw new InvalidOperationException("tick"), null, Second, Second);

        _time.Advance(Second);

        var entry = Assert.Single(_log.Entries);
        Assert.Equal("Plugin 'block.test' failed in a timer: InvalidOperationException: tick", entry.Text);
        Assert.Contains(nameof(A_timer_that_throws_is_logged_as_the_plugins_mistake), entry.Stack);
    }

    [Fact]
    public void Timers_end_with_their_owner()
    {
        var clock = Clock();
        var ticks = 0;
        _ = clock.CreateTimer(_ => ticks++, null, Second, Second);

        clock.Dispose();
        _ = clock.CreateTimer(_ => ticks++, null, Second, Second);
        _time.Advance(3 * Second);

        Assert.Equal(0, ticks);
    }

    [Fact]
    public async Task A_timer_that_has_been_disposed_lets_go_of_what_it_was_given()
    {
        using var clock = Clock();
        var timer = Create(clock, out var state);
        await timer.DisposeAsync();

        for (var tries = 0; state.IsAlive && tries < 10; tries++)
            GC.Collect();

        Assert.False(state.IsAlive);
        GC.KeepAlive(timer);
    }

    private static ITimer Create(PluginClock clock, out WeakReference state)
    {
        var held = new object();
        state = new WeakReference(held);
        return clock.CreateTimer(static _ => { }, held, Second, Second);
    }

    private PluginClock Clock() => new(_time, new PluginFaults(() => [], _log), "block.test");
}
