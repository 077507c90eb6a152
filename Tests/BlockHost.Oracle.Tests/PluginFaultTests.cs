// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Oracle.Tests.Support;
using BlockHost.Oracle.Tests.Support.Faulty;

namespace BlockHost.Oracle.Tests;

/// <summary>
/// A mistake in a plugin's code is called one: by the plugin's name to who asked, and with its stack in the log.
/// </summary>
public sealed class PluginFaultTests
{
    [Fact]
    public async Task A_driver_that_throws_while_it_opens_a_node_is_named()
    {
        await using var bed = await HostBed.StartAsync(new FaultyPlugin());

        var answer = await AddAsync(bed, """{"driver": "faulty", "node-name": "f", "open": true}""");

        Assert.Equal("Plugin 'FaultyPlugin' failed while it opened node 'f': NullReferenceException: in open", Error(answer));
        AssertLogged(bed, "in open", nameof(FaultyDriver));
        Assert.Empty(bed.Graph.Nodes);
    }

    [Fact]
    public async Task A_driver_under_another_is_named_not_the_one_above_it()
    {
        await using var bed = await HostBed.StartAsync(new FaultyPlugin());

        var answer = await AddAsync(
            bed, """{"driver": "raw", "node-name": "r", "file": {"driver": "faulty", "node-name": "f", "open": true}}""");

        Assert.Equal("Plugin 'FaultyPlugin' failed while it opened node 'f': NullReferenceException: in open", Error(answer));
    }

    [Fact]
    public async Task A_driver_that_throws_in_a_read_is_named_in_the_log_and_in_the_event()
    {
        await using var bed = await HostBed.StartAsync(new FaultyPlugin());
        await AddAsync(bed, """{"driver": "raw", "node-name": "r", "file": {"driver": "faulty", "node-name": "f"}}""");
        await using var backend = await bed.Graph.CreateBackendAsync(
            bed.Graph.Lookup(null, "r"), new BackendOptions
            {
                Permissions = new(
                BlockPermissions.ConsistentRead, BlockPermissions.All),
                ReportErrors = true
            }, CancellationToken.None);
        await using var queue = backend.OpenQueue();

        var status = await queue.ReadAsync(0, new IoSlice(new byte[512]), ReadFlags.None, CancellationToken.None);

        Assert.Equal(Errno.EIO, status.Errno);
        AssertLogged(
            bed,
            "Plugin 'FaultyPlugin' failed in a request (read) of node 'r': InvalidOperationException: in read",
            nameof(FaultyNode));
        Assert.Contains(
            bed.Events,
            e =>
                e.Name == "BLOCK_IO_ERROR"
                    && e.Data.GetProperty("reason").GetString()!.Contains("FaultyPlugin", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_command_that_throws_is_answered_with_the_name_of_its_plugin()
    {
        await using var bed = await HostBed.StartAsync(new FaultyPlugin());

        Assert.Equal(
            "Plugin 'FaultyPlugin' failed in command 'test-faulty': NullReferenceException: in command",
            Error(await bed.ExecuteAsync("""{"execute": "test-faulty"}""")));
        AssertLogged(bed, "in command", nameof(FaultyPlugin));
    }

    [Fact]
    public async Task A_plugin_that_throws_when_it_is_stopped_is_named_in_the_log()
    {
        await using var bed = await HostBed.StartAsync(new FaultyPlugin());

        await bed.StopPluginsAsync();

        AssertLogged(bed, "Plugin 'FaultyPlugin' did not stop: in stop", nameof(FaultyPlugin));
    }

    [Fact]
    public async Task What_a_plugin_logs_carries_its_name()
    {
        await using var bed = await HostBed.StartAsync(new FaultyPlugin());

        Assert.Contains(bed.Log, entry => entry.Category == "FaultyPlugin/life" && entry.Text == "started");
    }

    private static async Task<JsonNode> AddAsync(HostBed bed, string options) =>
        await bed.ExecuteAsync($$"""{"execute": "blockdev-add", "arguments": {{options}}}""");

    private static string? Error(JsonNode answer) => (string?)answer["error"]?["desc"];

    private static void AssertLogged(HostBed bed, string text, string inStack) => Assert.Contains(
        bed.Log, entry =>
            entry.Text.Contains(text, StringComparison.Ordinal)
                && entry.Stack?.Contains(inStack, StringComparison.Ordinal) == true);
}
