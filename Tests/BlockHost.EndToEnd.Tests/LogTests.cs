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
        await using (var daemon = await ServeAsync(folder, "--log-file", folder["log"], "--log-format", format, "--log-level", "info", "--trace", "comm*"))
        {
            using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);
            await qmp.RunAsync("""{"execute": "query-jobs"}""");
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        var lines = File.ReadAllLines(folder["log"]);
        Assert.Contains(lines, line => line.Contains("monitor", StringComparison.Ordinal) && line.Contains("a client has connected", StringComparison.Ordinal));
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
    public void A_log_that_cannot_be_opened_is_an_error_before_anything_is_served()
    {
        using var folder = new Folder();
        var run = CommandRunner.RunIn(folder.Path, Programs.Blockhost, "serve", "--log-file", folder["none/log"], "--blockdev", "driver=null-co,node-name=n");

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
        var run = CommandRunner.RunIn(folder.Path, Programs.Blockhost, "serve", option, value, "--blockdev", "driver=null-co,node-name=n");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains(error, run.ToString(), StringComparison.Ordinal);
    }

    private static Task<ServerProcess> ServeAsync(Folder folder, params string[] options) => ServerProcess.StartAsync(
        folder["qmp.sock"], folder.Path, Programs.Blockhost,
        ["serve", .. options, "--chardev", $"socket,id=q,path={folder["qmp.sock"]},server=on,wait=off", "--monitor", "chardev=q"]);
}
