// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using System.Text;
using BlockHost.Core.Qmp.Sessions;
using BlockHost.Qmp.Tests.Support;

namespace BlockHost.Qmp.Tests;

/// <summary>Memory is counted for the whole process: no other test may run beside these.</summary>
[CollectionDefinition(nameof(HostileInputTests), DisableParallelization = true)]
[Collection(nameof(HostileInputTests))]
public class HostileInputTests
{
    private const string Probe = """{"execute":"query-status","id":"probe"}""";

    [Fact]
    public async Task An_endless_line_is_one_error_and_costs_no_more_than_the_limit()
    {
        await using var daemon = await TestDaemon.StartAsync(new MonitorLimits { MessageBytes = 1 << 20 });
        using var client = await daemon.NegotiateAsync();
        var before = GC.GetTotalMemory(forceFullCollection: true);

        await client.SendAsync("""{"execute":"query-status","id":" """);
        var chunk = Encoding.ASCII.GetBytes(new string('a', 1 << 20));
        for (var i = 0; i < 64; i++)
            await client.SendAsync(chunk);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, -(64 << 20), 16 << 20);
        await client.SendAsync("\"}\n" + Probe);

        Assert.Equal(
            """{"error": {"class": "GenericError", "desc": "JSON token size limit exceeded"}}""", await client.ReadAsync());
        Assert.Contains("probe", await client.ReadAsync());
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{\"a\":")]
    public async Task Deep_nesting_is_one_error(string open)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();

        await client.SendAsync(string.Concat(Enumerable.Repeat(open, 100_000)) + "\n" + Probe);

        Assert.Equal(
            """{"error": {"class": "GenericError", "desc": "JSON nesting depth limit exceeded"}}""", await client.ReadAsync());
        Assert.Contains("probe", await client.ReadAsync());
    }

    [Fact]
    public async Task The_deepest_nesting_that_qemu_takes_is_taken()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();

        await client.SendAsync("{\"execute\":\"query-status\",\"id\":" + new string('[', 1023) + new string(']', 1023) + "}");

        Assert.EndsWith(new string(']', 1023) + "}", await client.ReadAsync());
    }

    [Fact]
    public async Task A_string_with_a_null_character_is_refused()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();

        await client.SendAsync("""{"execute":"object-del","arguments":{"id":"a\u0000"}}""");

        Assert.Equal(
            """{"error": {"class": "GenericError", "desc": "Parameter 'id' expects a string without null characters"}}""",
            await client.ReadAsync());
    }

    [Fact]
    public async Task Too_many_tokens_are_one_error()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();

        await client.SendAsync("[" + string.Concat(Enumerable.Repeat("1,", (1 << 20) + 1)) + "1]\n" + Probe);

        Assert.Equal(
            """{"error": {"class": "GenericError", "desc": "JSON token count limit exceeded"}}""", await client.ReadAsync());
        Assert.Contains("probe", await client.ReadAsync());
    }

    [Fact]
    public async Task All_clients_together_hold_a_bounded_amount_of_input()
    {
        await using var daemon = await TestDaemon.StartAsync(new MonitorLimits { InputBytesOfAll = 5 << 19 });
        using var greedy = await daemon.NegotiateAsync();
        using var second = await daemon.NegotiateAsync();
        var large = "{\"execute\":\"echo\",\"arguments\":{\"value\":\"" + new string('a', 900_000);

        await greedy.SendAsync(large);
        while (daemon.InputHeld < 900_000)
            await Task.Delay(10);
        await second.SendAsync(large + "\"}}\n" + Probe);
        Assert.Contains("JSON token size limit exceeded", await second.ReadAsync());
        Assert.Contains("probe", await second.ReadAsync());

        greedy.Dispose();
        while (daemon.InputHeld >= 900_000)
            await Task.Delay(10);
        Assert.Contains("aaa", await second.AskAsync(large + "\"}}\n"));
    }

    [Fact]
    public async Task A_client_that_stops_in_the_middle_of_a_request_disturbs_nobody()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var silent = await daemon.NegotiateAsync();
        await silent.SendAsync("""{"execute":"query-st""");
        using var client = await daemon.NegotiateAsync();

        Assert.Contains("probe", await client.AskAsync(Probe));
        await silent.SendAsync("""atus","id":"late"}""");
        Assert.Contains("late", await silent.ReadAsync());
    }

    [Fact]
    public async Task A_client_that_does_not_read_its_events_is_disconnected_and_the_others_get_them_all()
    {
        await using var daemon = await TestDaemon.StartAsync(new MonitorLimits { OutputBytes = 64 << 10 });
        using var deaf = await daemon.NegotiateAsync();
        using var client = await daemon.NegotiateAsync();
        var text = new Text { Value = new string('x', 1000) };

        for (var i = 0; i < 250; i++)
        {
            for (var j = 0; j < 20; j++)
                daemon.Events.Emit(TestCommands.Event, text);
            for (var j = 0; j < 20; j++)
                Assert.Contains("TEST_EVENT", await client.ReadAsync());
        }

        Assert.Contains("probe", await client.AskAsync(Probe));
        while (daemon.SessionCount > 1)
            await Task.Delay(10);
    }

    [Fact]
    public async Task A_client_that_does_not_read_its_answers_only_stops_itself()
    {
        await using var daemon = await TestDaemon.StartAsync(new MonitorLimits { OutputBytes = 64 << 10 });
        using var deaf = await daemon.NegotiateAsync();
        using var client = await daemon.NegotiateAsync();
        var request = Encoding.UTF8.GetBytes(
            "{\"execute\":\"echo\",\"arguments\":{\"value\":\"" + new string('x', 10_000) + "\"}}\n");

        // The monitor stops taking requests when their answers find no room: sending gets stuck well before the end.
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        var sent = 0;
        try
        {
            for (; sent < 10_000; sent++)
                await deaf.Socket.SendAsync(request, patience.Token);
        }
        catch (OperationCanceledException)
        {
        }

        Assert.InRange(sent, 1, 2000);
        Assert.Contains("probe", await client.AskAsync(Probe));
    }

    [Fact]
    public async Task A_thousand_connections_leave_the_other_monitors_alone()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var other = daemon.SocketPath + "2";
        await daemon.ListenAsync($"socket,id=d,path={other},server=on,wait=off", "d");
        using var end = new CancellationTokenSource();
        var connecting = Enumerable.Range(0, 1000).Select(_ => ConnectPatientlyAsync(daemon.SocketPath, end.Token)).ToList();
        await Task.Delay(300);

        using var client = await TestClient.ConnectAsync(other);
        Assert.Contains("QMP", await client.ReadAsync());
        Assert.Equal("""{"return": {}}""", await client.AskAsync("""{"execute":"qmp_capabilities"}"""));
        Assert.Contains("probe", await client.AskAsync(Probe));
        Assert.InRange(daemon.SessionCount, 2, 200);

        // As the first leave, the last are served.
        foreach (var connected in connecting.Take(999))
            _ = connected.ContinueWith(task => task.Result.Dispose(), TaskContinuationOptions.OnlyOnRanToCompletion);
        using var last = await connecting[999];
        Assert.Contains("QMP", await last.ReadAsync());
        await end.CancelAsync();
    }

    /// <summary>A full queue of the listening socket refuses a client for the moment.</summary>
    private static async Task<TestClient> ConnectPatientlyAsync(string path, CancellationToken end)
    {
        while (true)
        {
            try
            {
                return await TestClient.ConnectAsync(path);
            }
            catch (SocketException)
            {
                await Task.Delay(20, end);
            }
        }
    }
}
