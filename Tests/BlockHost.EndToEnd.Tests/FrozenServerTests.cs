// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>A daemon with a disk on an NBD server that is stopped (SIGSTOP): it holds the connection and says nothing.</summary>
public sealed class FrozenServerTests : IDisposable
{
    private const string Yank =
        """{"exec-oob": "yank", "arguments": {"instances": [{"type": "block-node", "node-name": "far"}]}}""";

    private readonly Folder _folder = new();

    private string AddFar =>
        $$"""{"execute": "blockdev-add", "arguments": {"driver": "nbd", "node-name": "far", "server": {"type": "unix", "path": "{{_folder["nbd.sock"]}}" } } }""";

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_yank_ends_the_job_that_waits_for_it_and_nobody_else_waits()
    {
        await using var server = await ServeAsync();
        await using var daemon = await StartDaemonAsync();
        using var qmp = await ConnectAsync();
        await StartJobAsync(qmp);
        server.Freeze();
        await qmp.RunAsync("""{"execute": "block-job-set-speed", "arguments": {"device": "job", "speed": 0}}""");

        await qmp.RunAsync("""{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": "other"}}""");
        await qmp.RunAsync("""{"execute": "blockdev-del", "arguments": {"node-name": "other"}}""");
        await qmp.RunAsync(Yank);

        await qmp.WaitForAsync(
            message =>
                Is(message, "BLOCK_JOB_COMPLETED", out var data) && data.GetProperty("error").GetString() is { Length: > 0 });
        await qmp.RunAsync("""{"execute": "blockdev-del", "arguments": {"node-name": "far"}}""");
        server.Thaw();
    }

    [Fact]
    public async Task A_yank_ends_opening()
    {
        await using var server = await ServeAsync();
        await using var daemon = await StartDaemonAsync();
        using var qmp = await ConnectAsync();
        server.Freeze();
        var adding = qmp.SendAsync(AddFar);
        using var other = await ConnectAsync();
        while ((await other.RunAsync("""{"exec-oob": "query-yank"}""")).EnumerateArray().All(
            instance => instance.GetProperty("type").GetString() != "block-node"))
            await Task.Delay(5);

        await other.RunAsync(Yank);

        Assert.Contains("yanked", (await adding).GetProperty("error").GetProperty("desc").GetString(), StringComparison.Ordinal);
        Assert.Equal(
            0,
            (await other.RunAsync("""{"execute": "query-named-block-nodes"}""")).EnumerateArray().Count(
                node => node.GetProperty("node-name").GetString() == "far"));
        server.Thaw();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_daemon_ends_all_the_same(bool opens)
    {
        await using var server = await ServeAsync();
        await using var daemon = await StartDaemonAsync();
        using var qmp = await ConnectAsync();
        if (opens)
        {
            server.Freeze();
            _ = qmp.SendAsync(AddFar);
            using var other = await ConnectAsync();
            while ((await other.RunAsync("""{"exec-oob": "query-yank"}""")).EnumerateArray().All(
                instance => instance.GetProperty("type").GetString() != "block-node"))
                await Task.Delay(5);
        }
        else
        {
            await StartJobAsync(qmp);
            server.Freeze();
            await qmp.RunAsync("""{"execute": "block-job-set-speed", "arguments": {"device": "job", "speed": 0}}""");
        }

        Assert.Equal(0, await daemon.TerminateAsync());
        server.Thaw();
    }

    /// <summary>A backup of the server's disk, slow enough to be at work until its speed is set.</summary>
    private async Task StartJobAsync(QmpClient qmp)
    {
        await qmp.RunAsync(AddFar);
        await qmp.RunAsync(
            """{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": "target", "size": 67108864}}""");
        await qmp.RunAsync(
            """{"execute": "blockdev-backup", "arguments": {"job-id": "job", "device": "far", "target": "target", "sync": "full", "speed": 65536}}""");
        while ((await qmp.RunAsync("""{"execute": "query-jobs"}"""))[0].GetProperty("current-progress").GetInt64() == 0)
            await Task.Delay(5);
    }

    private Task<ServerProcess> ServeAsync()
    {
        File.WriteAllBytes(_folder["disk.raw"], [.. Enumerable.Repeat((byte)1, 1 << 20)]);
        using (var disk = new FileStream(_folder["disk.raw"], FileMode.Open))
            disk.SetLength(64 << 20);
        return ServerProcess.StartAsync(
            _folder["nbd.sock"],
            _folder.Path,
            Programs.Ours("qemu-nbd"),
            "-t",
            "-f",
            "raw",
            "-k",
            _folder["nbd.sock"],
            "disk.raw");
    }

    private Task<ServerProcess> StartDaemonAsync() => ServerProcess.StartAsync(
        _folder["qmp.sock"],
        _folder.Path,
        Programs.Ours("qemu-storage-daemon"),
        "--chardev",
        $"socket,id=qmp,path={_folder["qmp.sock"]},server=on,wait=off",
        "--monitor",
        "chardev=qmp");

    private async Task<QmpClient> ConnectAsync()
    {
        var client = await QmpClient.OpenAsync(_folder["qmp.sock"]);
        await client.RunAsync("""{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}""");
        return client;
    }

    private static bool Is(JsonElement message, string name, out JsonElement data) =>
        message.TryGetProperty("data", out data) && message.GetProperty("event").GetString() == name;
}
