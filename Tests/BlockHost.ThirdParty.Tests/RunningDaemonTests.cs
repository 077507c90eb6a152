// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.ThirdParty.Tests;

/// <summary>A plugin that the daemon has never heard of is dropped in while it runs, serves a disk, and goes again.</summary>
[Collection(BuiltSampleCollection.Name)]
public sealed class RunningDaemonTests(BuiltSample sample) : IDisposable
{
    private const int DiskSize = 8 << 20;
    private const string AddDisk =
        """{"execute": "blockdev-add", "arguments": {"driver": "example-ram", "node-name": "scratch", "size": 8388608} }""";

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public async Task A_dropped_in_driver_is_loaded_served_over_NBD_and_unloaded()
    {
        Programs.Require("nbdcopy");
        await using var daemon = await StartDaemonAsync();
        using var qmp = await QmpClient.ConnectAsync(_folder["qmp.sock"]);
        Assert.Contains("example-ram", await ErrorAsync(qmp, AddDisk));

        var loaded = await qmp.RunAsync(
            $$"""{"execute": "plugin-load", "arguments": {"manifest": {{JsonSerializer.Serialize(sample.Manifest)}} } }""");
        Assert.Equal("loaded", loaded.GetProperty("state").GetString());
        await qmp.RunAsync(AddDisk);
        await ServeAsync(qmp);
        WriteAndReadBack();

        var pending = await UnloadAsync(qmp, seconds: 0);
        Assert.Equal("unloading", pending.GetProperty("state").GetString());
        Assert.Equal("in use by node 'scratch'", pending.GetProperty("reason").GetString());
        Assert.Contains(
            "is unloading: in use by node 'scratch'",
            await ErrorAsync(qmp, AddDisk.Replace("scratch", "second", StringComparison.Ordinal)));

        await StopServingAsync(qmp);
        await qmp.RunAsync("""{"execute": "blockdev-del", "arguments": {"node-name": "scratch"} }""");
        Assert.Equal("available", await StateOnceUnloadedAsync(qmp));
        await qmp.RunAsync("""{"execute": "quit"}""");
        Assert.Equal(0, await daemon.ExitCodeAsync());
    }

    private Task<ServerProcess> StartDaemonAsync() => ServerProcess.StartAsync(
        _folder["qmp.sock"], _folder.Path, "env", $"BLOCKHOST_PLUGIN_PATH={Path.GetDirectoryName(sample.PluginFolder)}",
        Programs.Blockhost, "serve", "--chardev", $"socket,id=c,path={_folder["qmp.sock"]},server=on,wait=off",
        "--monitor", "chardev=c");

    private async Task ServeAsync(QmpClient qmp)
    {
        await qmp.RunAsync(
            $$"""{"execute": "nbd-server-start", "arguments": {"addr": {"type": "unix", "data": {"path": "{{_folder["nbd.sock"]}}"} } } }""");
        await qmp.RunAsync(
            """{"execute": "block-export-add", "arguments": {"type": "nbd", "id": "e", "node-name": "scratch", "name": "disk", "writable": true} }""");
    }

    private void WriteAndReadBack()
    {
        var url = $"nbd+unix:///disk?socket={_folder["nbd.sock"]}";
        var written = new byte[DiskSize];
        new Random(7).NextBytes(written);
        written.AsSpan(1 << 20, 3 << 20).Clear();
        File.WriteAllBytes(_folder["in.raw"], written);

        CommandRunner.Check(_folder.Path, "nbdcopy", _folder["in.raw"], url);
        CommandRunner.Check(_folder.Path, "nbdcopy", url, _folder["out.raw"]);

        Assert.True(
            written.AsSpan().SequenceEqual(File.ReadAllBytes(_folder["out.raw"])), "what was read is not what was written");
    }

    private static async Task StopServingAsync(QmpClient qmp)
    {
        await qmp.RunAsync("""{"execute": "block-export-del", "arguments": {"id": "e", "mode": "hard"} }""");
        await qmp.RunAsync("""{"execute": "nbd-server-stop"}""");
    }

    private static Task<JsonElement> UnloadAsync(QmpClient qmp, int seconds) =>
        qmp.RunAsync($$"""{"execute": "plugin-unload", "arguments": {"id": "example.ram", "timeout": {{seconds}} } }""");

    /// <summary>The unload goes on by itself when the last user has gone.</summary>
    private static async Task<string?> StateOnceUnloadedAsync(QmpClient qmp)
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var plugins = await qmp.RunAsync("""{"execute": "query-plugins"}""");
            var state = plugins.EnumerateArray().Single(plugin => plugin.GetProperty("id").GetString() == "example.ram")
                .GetProperty("state").GetString();
            if (state != "unloading")
                return state;
            await Task.Delay(100);
        }

        return "unloading";
    }

    private static async Task<string> ErrorAsync(QmpClient qmp, string command) =>
        (await qmp.SendAsync(command)).GetProperty("error").GetProperty("desc").GetString()!;
}
