// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using System.Text.Json;
using BlockHost.Core.Qmp;
using BlockHost.Qmp.Tests.Support;

namespace BlockHost.Qmp.Tests;

public class SessionTests
{
    private const string Silence = "no answer within the time";

    [Fact]
    public async Task The_greeting_names_version_and_capabilities()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await TestClient.ConnectAsync(daemon.SocketPath);

        var greeting = JsonDocument.Parse((await client.ReadAsync())!).RootElement.GetProperty("QMP");

        Assert.Equal(7, greeting.GetProperty("version").GetProperty("qemu").GetProperty("major").GetInt32());
        Assert.StartsWith("blockhost ", greeting.GetProperty("version").GetProperty("package").GetString());
        Assert.Equal("oob", greeting.GetProperty("capabilities")[0].GetString());
    }

    [Fact]
    public async Task Requests_of_one_write_are_answered_in_order()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync(oob: true);

        await client.SendAsync(
            string.Concat(Enumerable.Range(0, 100).Select(i => $$"""{"execute":"query-status","id":{{i}}}""")));

        for (var i = 0; i < 100; i++)
            Assert.EndsWith($", \"id\": {i}}}", await client.ReadAsync());
    }

    [Fact]
    public async Task A_request_may_come_byte_by_byte()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();

        foreach (var c in """{"execute":"echo","arguments":{"value":"a\u00e9\n'ü"},"id":-1.5e3}""")
            await client.SendAsync(c.ToString());

        Assert.Equal("""{"return": {"value": "a\u00E9\n'\u00FC"}, "id": -1.5e3}""", await client.ReadAsync());
    }

    [Theory]
    [InlineData("hang")]
    [InlineData("block-thread")]
    public async Task Out_of_band_commands_are_answered_while_an_in_band_one_hangs(string hanging)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync(oob: true);

        await client.SendAsync(
            $$"""{"execute":"{{hanging}}","id":1}{"execute":"query-status","id":2}{"exec-oob":"oob","id":3}""");
        Assert.Equal("""{"return": {}, "id": 3}""", await client.ReadAsync());

        daemon.Commands.Gate.SetResult();
        Assert.Equal("""{"return": {}, "id": 1}""", await client.ReadAsync());
        Assert.EndsWith("\"id\": 2}", await client.ReadAsync());
    }

    [Fact]
    public async Task Without_out_of_band_the_next_request_waits()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();

        await client.SendAsync("""{"execute":"hang","id":1}nonsense {"execute":"query-status","id":2}""");
        await daemon.Commands.HangEntered.Task;
        Assert.Equal(Silence, await ReadOrSilenceAsync(client));

        daemon.Commands.Gate.SetResult();
        Assert.Equal("""{"return": {}, "id": 1}""", await client.ReadAsync());
        Assert.Contains("invalid keyword 'nonsense'", await client.ReadAsync());
        Assert.EndsWith("\"id\": 2}", await client.ReadAsync());
    }

    [Fact]
    public async Task A_full_in_band_queue_stops_reading_until_there_is_room()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync(oob: true);

        await client.SendAsync("""{"execute":"hang","id":0}""");
        await daemon.Commands.HangEntered.Task;
        await client.SendAsync(
            string.Concat(
                Enumerable.Range(1, 9).Select(
                    i => $$"""{"execute":"query-status","id":{{i}}}""")) + """{"exec-oob":"oob","id":"oob"}""");
        Assert.Equal(Silence, await ReadOrSilenceAsync(client));

        daemon.Commands.Gate.SetResult();
        var answers = (await client.ReadUntilAsync("\"oob\"")).Count;
        for (; answers < 10; answers++)
            Assert.NotNull(await client.ReadAsync());
        Assert.Equal(Silence, await ReadOrSilenceAsync(client));
    }

    [Fact]
    public async Task A_client_that_only_sends_gets_everything_done_and_answered()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.ConnectAsync();

        await client.SendAsync("""{"execute":"qmp_capabilities"}{"execute":"query-status","id":1}""");
        client.Socket.Shutdown(SocketShutdown.Send);

        Assert.Equal("""{"return": {}}""", await client.ReadAsync());
        Assert.Contains("\"id\": 1", await client.ReadAsync());
        Assert.Null(await client.ReadAsync());
    }

    [Fact]
    public async Task A_faulty_command_is_an_answer_and_the_monitor_goes_on()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();

        Assert.Contains(
            "\"class\": \"GenericError\", \"desc\": \"The host failed in command 'fail': InvalidOperationException: broken\"",
            await client.AskAsync("""{"execute":"fail","arguments":{"value":"broken"}}"""));
        Assert.Equal("""{"return": {"value": "x"}}""", await client.AskAsync("""{"execute":"echo","arguments":{"value":"x"}}"""));
    }

    [Fact]
    public async Task A_tag_may_stand_anywhere_in_its_object()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();

        var answer = await client.AskAsync(
            """{"execute":"nbd-server-start","arguments":{"addr":{"data":{"path":"/x"},"type":"unix"}}}""");

        Assert.Equal("""{"return": {}}""", answer);
    }

    [Fact]
    public async Task Quit_tells_all_monitors_and_is_answered_before_they_close()
    {
        await using var daemon = await TestDaemon.StartAsync(
            clock: new ManualClock(DateTimeOffset.UnixEpoch + TimeSpan.FromMicroseconds(1_700_000_000_000_042)));
        using var other = await daemon.NegotiateAsync();
        using var client = await daemon.NegotiateAsync();
        const string Shutdown =
            """{"timestamp": {"seconds": 1700000000, "microseconds": 42}, "event": "SHUTDOWN", "data": {"guest": false, "reason": "host-qmp-quit"}}""";

        Assert.Equal(Shutdown, await client.AskAsync("""{"execute":"quit","id":5}"""));
        Assert.Equal("""{"return": {}, "id": 5}""", await client.ReadAsync());
        Assert.Equal(Shutdown, await other.ReadAsync());
        Assert.Equal(ShutdownCause.HostQmpQuit, await daemon.Lifetime.StopRequested);

        await daemon.StopMonitorsAsync();
        Assert.Null(await client.ReadAsync());
        Assert.Null(await other.ReadAsync());
    }

    [Fact]
    public async Task A_running_command_is_answered_before_the_monitors_end()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync(oob: true);
        await client.SendAsync("""{"execute":"hang"}""");
        await daemon.Commands.HangEntered.Task;

        var stop = daemon.StopMonitorsAsync();
        daemon.Commands.Gate.SetResult();

        Assert.Equal("""{"return": {}}""", await client.ReadAsync());
        await stop;
        Assert.Null(await client.ReadAsync());
    }

    [Fact]
    public async Task Objects_are_added_and_deleted()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();
        const string Add = """{"execute":"object-add","arguments":{"qom-type":"secret","id":"s","data":"x"}}""";

        Assert.Equal("""{"return": {}}""", await client.AskAsync(Add));
        Assert.Contains("attempt to add duplicate property 's' to object (type 'container')", await client.AskAsync(Add));
        Assert.Equal("""{"return": {}}""", await client.AskAsync("""{"execute":"object-del","arguments":{"id":"s"}}"""));
        Assert.Contains("object 's' not found", await client.AskAsync("""{"execute":"object-del","arguments":{"id":"s"}}"""));
        Assert.Contains(
            "Parameter 'qom-type' does not accept value 'x'",
            await client.AskAsync("""{"execute":"object-add","arguments":{"qom-type":"x","id":"s"}}"""));
    }

    [Fact]
    public async Task A_pretty_monitor_indents()
    {
        await using var daemon = new TestDaemon();
        await daemon.ListenAsync($"socket,id=c,path={daemon.SocketPath},server=on,wait=off", "chardev=c,pretty=on");
        using var client = await TestClient.ConnectAsync(daemon.SocketPath);

        Assert.Equal("{", await client.ReadAsync());
        Assert.Equal("    \"QMP\": {", await client.ReadAsync());
    }

    [Fact]
    public async Task A_device_has_one_monitor()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var error = await Assert.ThrowsAsync<QmpException>(
            () => daemon.ListenAsync($"socket,id=d,path={daemon.SocketPath}2,server=on,wait=off", "c"));

        Assert.Equal("Device 'c' is in use", error.Message);
    }

    private static async Task<string?> ReadOrSilenceAsync(TestClient client)
    {
        try
        {
            return await client.ReadAsync(TimeSpan.FromMilliseconds(200));
        }
        catch (OperationCanceledException)
        {
            return Silence;
        }
    }
}
