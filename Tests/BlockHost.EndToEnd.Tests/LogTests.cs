// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>What the daemon says of itself: --log-level, --log-file, --log-format, --trace.</summary>
public sealed class LogTests
{
    [Theory]
    [InlineData("json")]
    [InlineData("text")]
    public async Task The_log_has_what_an_operator_asks_for(string format)
    {
        using var folder = new Folder();
        await using (var daemon = await ServeAsync(
            folder, "--log-file", folder["log"], "--log-format", format, "--log-level", "info", "--trace", "comm*"))
        {
            using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);
            await qmp.RunAsync("""{"execute": "query-jobs"}""");
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        var lines = File.ReadAllLines(folder["log"]);
        Assert.Contains(
            lines,
            line =>
                line.Contains("monitor", StringComparison.Ordinal)
                    && line.Contains("a client has connected", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("query-jobs", StringComparison.Ordinal));
        if (format == "json")
            Assert.All(lines, line => Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(line).RootElement.ValueKind));
    }

    [Fact]
    public async Task Nothing_is_logged_below_the_level()
    {
        using var folder = new Folder();
        await using (var daemon = await ServeAsync(folder, "--log-file", folder["log"], "--log-level", "warning"))
        {
            using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);
            await qmp.RunAsync("""{"execute": "query-jobs"}""");
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        Assert.Equal("", File.ReadAllText(folder["log"]));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder["log"]));
    }

    [Fact]
    public async Task What_is_traced_can_be_changed_while_the_daemon_runs()
    {
        using var folder = new Folder();
        await using (var daemon = await ServeAsync(folder, "--log-file", folder["log"], "--log-level", "error"))
        {
            using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);
            await qmp.RunAsync("""{"execute": "query-jobs"}""");
            Assert.Equal("disabled", await StateAsync(qmp, "command"));
            await qmp.RunAsync("""{"execute": "trace-event-set-state", "arguments": {"name": "comm*", "enable": true}}""");
            await qmp.RunAsync("""{"execute": "query-block-jobs"}""");
            Assert.Equal("enabled", await StateAsync(qmp, "command"));
            await qmp.RunAsync("""{"execute": "trace-event-set-state", "arguments": {"name": "command", "enable": false}}""");
            await qmp.RunAsync("""{"execute": "query-named-block-nodes"}""");
            Assert.Equal("disabled", await StateAsync(qmp, "command"));
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        var log = File.ReadAllText(folder["log"]);
        Assert.DoesNotContain("query-jobs", log);
        Assert.Contains("query-block-jobs", log);
        Assert.DoesNotContain("query-named-block-nodes", log);
    }

    [Theory]
    [InlineData("""{"name": "nope"}""", "unknown event \"nope\"")]
    [InlineData("""{"name": "nope*"}""", null)]
    [InlineData("""{"name": "*", "vcpu": 0}""", "invalid vCPU index 0")]
    public async Task Events_to_trace_are_named_as_QEMU_names_them(string arguments, string? error)
    {
        using var folder = new Folder();
        await using var daemon = await ServeAsync(folder);
        using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);

        var answer = await qmp.SendAsync($$"""{"execute": "trace-event-get-state", "arguments": {{arguments}} }""");

        Assert.Equal(error, answer.TryGetProperty("error", out var refused) ? refused.GetProperty("desc").GetString() : null);
        Assert.Contains(
            (await qmp.RunAsync("""{"execute": "trace-event-get-state", "arguments": {"name": "block_*"}}""")).EnumerateArray(),
            item => item.GetProperty("name").GetString() == "block_qcow2" && !item.GetProperty("vcpu").GetBoolean());
    }

    [Fact]
    public void A_log_that_cannot_be_opened_is_an_error_before_anything_is_served()
    {
        using var folder = new Folder();
        var run = CommandRunner.RunIn(
            folder.Path,
            Programs.Blockhost,
            "serve",
            "--log-file",
            folder["none/log"],
            "--blockdev",
            "driver=null-co,node-name=n");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains($"Could not open the log file '{folder["none/log"]}': ", run.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--log-level", "loud", "Invalid log level 'loud', use one of trace, debug, info, warning, error, none")]
    [InlineData("--log-format", "xml", "Invalid log format 'xml', use text or json")]
    [InlineData("--trace", "foo=bar", "--trace foo=bar: Invalid parameter 'foo'")]
    public void A_value_that_the_log_does_not_know_is_refused(string option, string value, string error)
    {
        using var folder = new Folder();
        var run = CommandRunner.RunIn(
            folder.Path, Programs.Blockhost, "serve", option, value, "--blockdev", "driver=null-co,node-name=n");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains(error, run.ToString(), StringComparison.Ordinal);
    }

    private static async Task<string?> StateAsync(QmpClient qmp, string name)
    {
        var events = await qmp.RunAsync($$"""{"execute": "trace-event-get-state", "arguments": {"name": "{{name}}"} }""");
        return Assert.Single(events.EnumerateArray()).GetProperty("state").GetString();
    }

    private static Task<ServerProcess> ServeAsync(Folder folder, params string[] options) => ServerProcess.StartAsync(
        folder["qmp.sock"], folder.Path, Programs.Blockhost,
        [
            "serve", .. options, "--chardev", $"socket,id=q,path={folder["qmp.sock"]},server=on,wait=off", "--monitor",
            "chardev=q"]);
}
