// SPDX-License-Identifier: MIT
using BlockHost.Qmp.Tests.Support;

namespace BlockHost.Qmp.Tests;

public class EventTests
{
    [Fact]
    public async Task An_event_reaches_every_client_in_command_mode_and_no_other()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var first = await daemon.NegotiateAsync();
        using var second = await daemon.NegotiateAsync();
        using var newcomer = await daemon.ConnectAsync();

        daemon.Events.Emit(TestCommands.Event, new Text { Value = "1" });

        Assert.Contains("\"event\": \"TEST_EVENT\", \"data\": {\"value\": \"1\"}", await first.ReadAsync());
        Assert.Contains("TEST_EVENT", await second.ReadAsync());
        Assert.Equal("""{"return": {}}""", await newcomer.AskAsync("""{"execute":"qmp_capabilities"}"""));
    }

    [Fact]
    public async Task An_event_of_a_command_comes_before_its_answer()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();

        Assert.Contains("TEST_EVENT", await client.AskAsync("""{"execute":"emit","arguments":{"value":"x"}}"""));
        Assert.Equal("""{"return": {}}""", await client.ReadAsync());
    }

    [Fact]
    public async Task Of_a_rate_limited_event_the_first_and_the_last_are_sent()
    {
        var clock = new ManualClock(DateTimeOffset.UnixEpoch);
        using var events = new Core.Qmp.MonitorEvents(clock);
        var seen = new List<string>();
        events.Emitted += (name, data) => seen.Add($"{name} {data?.GetProperty("value")}");

        for (var i = 0; i < 5; i++)
            events.Emit(TestCommands.LimitedEvent, new Text { Value = "a" });
        events.Emit(TestCommands.LimitedEvent, new Text { Value = "b" });
        Assert.Equal(["TEST_LIMITED a", "TEST_LIMITED b"], seen);

        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["TEST_LIMITED a", "TEST_LIMITED b", "TEST_LIMITED a"], seen);

        clock.Advance(TimeSpan.FromSeconds(1));
        events.Emit(TestCommands.LimitedEvent, new Text { Value = "a" });
        Assert.Equal(4, seen.Count);
    }
}
