// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using BlockHost.Block.Rbd.Tests.Cluster;

namespace BlockHost.Block.Rbd.Tests.RealCluster;

/// <summary>A daemon with a disk on Ceph.</summary>
[Collection(CephCollection.Name)]
public sealed class DaemonTests(CephCluster ceph) : IDisposable
{
    private const string Yank =
        """{"exec-oob": "yank", "arguments": {"instances": [{"type": "block-node", "node-name": "far"}]}}""";

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public async Task A_disk_on_a_cluster_that_hangs_is_found_and_yanked_and_the_daemon_ends()
    {
        ceph.Require();
        var image = ceph.NewName();
        ceph.Import(image, Client.Noise(16 << 20));
        await using var daemon = await StartAsync();
        using var qmp = await ConnectAsync();
        await qmp.RunAsync(Add(image, """, "cache": {"direct": true}"""));
        await StartJobAsync(qmp);
        ceph.Freeze();
        try
        {
            await qmp.RunAsync("""{"execute": "block-job-set-speed", "arguments": {"device": "job", "speed": 0}}""");
            await EventuallyAsync(async () => (await qmp.RunAsync("""{"exec-oob": "x-blockhost-query-stuck"}""")).EnumerateArray()
                .Any(stuck => stuck.GetRawText().Contains("\"far\"", StringComparison.Ordinal)));
            Assert.Contains(
                (await qmp.RunAsync("""{"exec-oob": "query-yank"}""")).EnumerateArray(),
                instance => instance.GetRawText().Contains("\"far\"", StringComparison.Ordinal));

            await qmp.RunAsync(Yank);

            await qmp.WaitForAsync(message => message.GetProperty("event").GetString() == "BLOCK_JOB_COMPLETED"
                && message.GetProperty("data").TryGetProperty("error", out _));
            await qmp.RunAsync("""{"execute": "blockdev-del", "arguments": {"node-name": "far"}}""");
            Assert.Equal(0, await daemon.TerminateAsync());
        }
        finally
        {
            ceph.Thaw();
        }
    }

    [SkippableFact]
    public async Task The_daemon_ends_while_it_opens_a_disk_of_a_cluster_that_hangs()
    {
        var image = ceph.NewImage("1M");
        await using var daemon = await StartAsync();
        using var qmp = await ConnectAsync();
        ceph.Freeze();
        try
        {
            _ = qmp.SendAsync(Add(image));
            using var other = await ConnectAsync();
            await EventuallyAsync(async () => (await other.RunAsync("""{"exec-oob": "query-yank"}""")).EnumerateArray()
                .Any(instance => instance.GetProperty("type").GetString() == "block-node"));

            Assert.Equal(0, await daemon.TerminateAsync());
        }
        finally
        {
            ceph.Thaw();
        }
    }

    [SkippableFact]
    public async Task The_plugin_is_unloaded_and_loaded_again()
    {
        var image = ceph.NewImage("8M");
        await using var daemon = await StartAsync(Programs.Blockhost, "serve");
        using var qmp = await ConnectAsync();
        for (var round = 0; round < 3; round++)
        {
            await qmp.RunAsync(Add(image));
            await qmp.RunAsync("""{"execute": "blockdev-snapshot-internal-sync", "arguments": {"device": "far", "name": "SNAP"}}"""
                .Replace("SNAP", $"s{round}", StringComparison.Ordinal));
            await qmp.RunAsync("""{"execute": "blockdev-del", "arguments": {"node-name": "far"}}""");
            await qmp.RunAsync("""{"execute": "plugin-unload", "arguments": {"id": "block.rbd"}}""");
        }

        Assert.Equal(3, ceph.Rbd("snap", "ls", image).Split('\n').Count(line => line.Contains(" s", StringComparison.Ordinal)));
        Assert.Equal(0, await daemon.TerminateAsync());
    }

    [SkippableFact]
    public async Task No_answer_and_no_log_has_a_key_in_it()
    {
        var image = ceph.NewImage("1M");
        var key = ceph.NewUser("hidden", "rbd");
        await using var daemon = await StartAsync();
        using var qmp = await ConnectAsync();
        await qmp.RunAsync($$"""
            {"execute": "object-add", "arguments": {"qom-type": "secret", "id": "key", "format": "base64", "data": "{{key}}"} }
            """.Trim());
        await qmp.RunAsync(Add(image, """, "user": "hidden", "key-secret": "key" """));

        var answers = await qmp.RunAsync("""{"execute": "query-named-block-nodes"}""");
        Assert.Contains("\"far\"", answers.GetRawText());
        Assert.DoesNotContain(key, answers.GetRawText());
        Assert.DoesNotContain(key, (await qmp.RunAsync("""{"execute": "query-yank"}""")).GetRawText());
        Assert.Equal(0, await daemon.TerminateAsync());
        Assert.DoesNotContain(key, daemon.Output);
    }

    private string Add(string image, string more = "") =>
        $$"""{"execute": "blockdev-add", "arguments": {"driver": "rbd", "node-name": "far", "pool": "rbd", "image": "{{image}}", "conf": "{{ceph.Configuration}}"{{more}} } }""";

    /// <summary>A backup of the disk, slow enough to be at work until its speed is set.</summary>
    private static async Task StartJobAsync(QmpClient qmp)
    {
        await qmp.RunAsync(
            """{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": "target", "size": 16777216}}""");
        await qmp.RunAsync(
            """{"execute": "blockdev-backup", "arguments": {"job-id": "job", "device": "far", "target": "target", "sync": "full", "speed": 65536}}""");
        await EventuallyAsync(async () =>
            (await qmp.RunAsync("""{"execute": "query-jobs"}"""))[0].GetProperty("current-progress").GetInt64() > 0);
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        for (var clock = Stopwatch.StartNew(); !await condition(); await Task.Delay(10))
            Assert.True(clock.Elapsed < Client.Soon, "it does not happen");
    }

    private Task<ServerProcess> StartAsync() => StartAsync(Programs.Ours("qemu-storage-daemon"));

    private Task<ServerProcess> StartAsync(string program, params string[] arguments) => ServerProcess.StartAsync(
        _folder["qmp.sock"], _folder.Path, program,
        [.. arguments, "--chardev", $"socket,id=qmp,path={_folder["qmp.sock"]},server=on,wait=off", "--monitor", "chardev=qmp"]);

    private async Task<QmpClient> ConnectAsync()
    {
        var client = await QmpClient.OpenAsync(_folder["qmp.sock"]);
        await client.RunAsync("""{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}""");
        return client;
    }
}
