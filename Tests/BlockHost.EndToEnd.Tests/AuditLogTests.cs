// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>What the daemon records of its commands, and tells of its plugins.</summary>
public sealed class AuditLogTests
{
    [Fact]
    public async Task Each_command_has_an_entry_before_its_work_and_one_after_it()
    {
        using var folder = new Folder();
        await using (await ServeAsync(folder, "--audit-log", folder["audit"]))
        {
            using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);
            await qmp.RunAsync("""{"execute": "query-named-block-nodes"}""");
            await qmp.SendAsync("""{"execute": "blockdev-del", "arguments": {"node-name": "none"}}""");
        }

        var entries = File.ReadAllLines(
            folder["audit"]).Select(line =>
                JsonDocument.Parse(line).RootElement).Where(entry => !IsOf(entry, "qmp_capabilities")).ToArray();
        Assert.Equal(
            ["query-named-block-nodes", "query-named-block-nodes", "blockdev-del", "blockdev-del"],
            entries.Select(entry => entry.GetProperty("command").GetString()));
        Assert.False(entries[0].TryGetProperty("ok", out _));
        Assert.True(entries[1].GetProperty("ok").GetBoolean());
        Assert.Equal(entries[2].GetProperty("entry").GetInt64(), entries[3].GetProperty("entry").GetInt64());
        Assert.Equal("Failed to find node with node-name='none'", entries[3].GetProperty("error").GetString());
    }

    [SkippableFact]
    public async Task An_audit_log_on_a_full_disk_changes_no_answer_and_is_warned_of_once()
    {
        Skip.IfNot(File.Exists("/dev/full"), "there is no /dev/full here");
        using var folder = new Folder();
        await using var daemon = await ServeAsync(folder, "--audit-log", "/dev/full");
        using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);

        await qmp.RunAsync("""{"execute": "query-named-block-nodes"}""");
        await qmp.RunAsync("""{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": "n"}}""");
        var refused = await qmp.SendAsync("""{"execute": "blockdev-del", "arguments": {"node-name": "none"}}""");

        Assert.Equal("Failed to find node with node-name='none'", refused.GetProperty("error").GetProperty("desc").GetString());
        Assert.Equal(0, await daemon.TerminateAsync());
        Assert.Single(
            daemon.Output.Split('\n'),
            line => line.Contains("the audit log '/dev/full' cannot be written", StringComparison.Ordinal));
    }

    [Fact]
    public void An_audit_log_that_cannot_be_opened_is_an_error_before_anything_is_served()
    {
        using var folder = new Folder();
        var run = CommandRunner.RunIn(
            folder.Path,
            Programs.Blockhost,
            "serve",
            "--audit-log",
            folder["none/log"],
            "--blockdev",
            "driver=null-co,node-name=n");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains($"Could not open the audit log '{folder["none/log"]}': ", run.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plugin_that_is_loaded_by_use_is_no_event_and_one_that_is_asked_for_is()
    {
        using var folder = new Folder();
        await using var daemon = await ServeAsync(folder);
        using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);

        await qmp.RunAsync("""{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": "n"}}""");
        await qmp.RunAsync("""{"execute": "plugin-load", "arguments": {"id": "filter.copyonread"}}""");

        var changed = qmp.Events.Where(
            e =>
                e.GetProperty("event").GetString() == "PLUGIN_STATE_CHANGE").Select(e =>
                    e.GetProperty("data").GetProperty("id").GetString());
        Assert.Equal(["filter.copyonread"], changed);
        var refused = await qmp.SendAsync("""{"execute": "plugin-load", "arguments": {"manifest": ""}}""");
        Assert.Equal("The path of a manifest is empty", refused.GetProperty("error").GetProperty("desc").GetString());
    }

    private static bool IsOf(JsonElement entry, string command) => entry.GetProperty("command").GetString() == command;

    private static Task<ServerProcess> ServeAsync(Folder folder, params string[] options) => ServerProcess.StartAsync(
        folder["qmp.sock"], folder.Path, Programs.Blockhost,
        [
            "serve", .. options, "--chardev", $"socket,id=q,path={folder["qmp.sock"]},server=on,wait=off", "--monitor",
            "chardev=q"]);
}
