// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>
/// Peers that hang in other ways than a frozen server (<see cref="FrozenServerTests"/>), BLOCKHOST_HANGS rounds each: what
/// waits is freed by a yank, and nothing of it is left.
/// </summary>
public sealed class HangingPeerTests : IDisposable
{
    private const string Yank =
        """{"exec-oob": "yank", "arguments": {"instances": [{"type": "block-node", "node-name": "far"}]}}""";

    private readonly Folder _folder = new();
    private readonly int _rounds = SearchSize.Of("BLOCKHOST_HANGS", 4);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("says nothing", 0)]
    [InlineData("says half of its greeting", 9)]
    [InlineData("says half of an option's reply", 30)]
    public async Task Opening_at_a_peer_that_hangs_is_given_up(string peer, int bytes)
    {
        await using var server = await ServeAsync();
        await using var proxy = new HoldingProxy(_folder["proxy.sock"], _folder["nbd.sock"]);
        await using var daemon = await StartDaemonAsync();
        using var qmp = await ConnectAsync();
        var before = 0;

        for (var round = 0; round < _rounds; round++)
        {
            proxy.HoldAfter(bytes);
            await OpenAndYankAsync(qmp, AddFar("proxy.sock"));
            before = round == 0 ? Descriptors(daemon) : before;
        }

        await NothingIsLeftAsync(daemon, before, $"a peer that {peer}");
    }

    [Fact]
    public async Task A_job_whose_peer_sends_half_a_reply_ends_with_an_error()
    {
        await using var server = await ServeAsync();
        await using var proxy = new HoldingProxy(_folder["proxy.sock"], _folder["nbd.sock"]);
        await using var daemon = await StartDaemonAsync();
        using var qmp = await ConnectAsync();
        await qmp.RunAsync(
            """{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": "target", "size": 1048576}}""");
        var before = 0;

        for (var round = 0; round < _rounds; round++)
        {
            proxy.HoldAfter(long.MaxValue);
            await qmp.RunAsync(AddFar("proxy.sock"));
            proxy.HoldAfter(40_000);
            await qmp.RunAsync(
                """{"execute": "blockdev-backup", "arguments": {"job-id": "job", "device": "far", "target": "target", "sync": "full"}}""");
            while ((await qmp.RunAsync("""{"exec-oob": "x-blockhost-query-stuck"}""")).GetArrayLength() == 0)
                await Task.Delay(5);
            await qmp.RunAsync(Yank);
            await qmp.WaitForAsync(
                message => message.GetProperty("event").GetString() == "BLOCK_JOB_COMPLETED"
                    && message.GetProperty("data").GetProperty("error").GetString() is { Length: > 0 });
            await qmp.RunAsync("""{"execute": "blockdev-del", "arguments": {"node-name": "far"}}""");
            before = round == 0 ? Descriptors(daemon) : before;
        }

        await NothingIsLeftAsync(daemon, before, "a peer that sends half a reply");
    }

    /// <summary>A network of the daemon's own, with one address that is none's: every packet to it vanishes.</summary>
    [SkippableFact]
    public async Task Opening_at_an_address_whose_packets_vanish_is_given_up()
    {
        const string network =
            "ip link add v type veth peer name w && ip addr add 192.0.2.1/24 dev v && ip link set v up && ip link set w up"
            + " && ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev v && ip link set lo up";
        Programs.Require("unshare", "ip");
        Skip.IfNot(
            CommandRunner.Run("unshare", "-n", "sh", "-c", network).ExitCode == 0, "this user makes no networks");
        await using var daemon = await StartDaemonAsync("unshare", "-n", "sh", "-c", network + " && exec \"$@\"", "sh");
        using var qmp = await ConnectAsync();

        for (var round = 0; round < _rounds; round++)
            await OpenAndYankAsync(
                qmp,
                """{"execute": "blockdev-add", "arguments": {"driver": "nbd", "node-name": "far", "server": {"type": "inet", "host": "192.0.2.2", "port": "10809"} } }""");
    }

    private async Task OpenAndYankAsync(QmpClient qmp, string add)
    {
        using var other = await ConnectAsync();
        var adding = qmp.SendAsync(add);
        while (!(await other.RunAsync("""{"exec-oob": "query-yank"}""")).EnumerateArray().Any(
            instance => instance.GetProperty("type").GetString() == "block-node"))
            await Task.Delay(5);

        await other.RunAsync(Yank);

        Assert.Contains(
            "yanked", (await adding).GetProperty("error").GetProperty("desc").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain(
            (await other.RunAsync("""{"exec-oob": "query-yank"}""")).EnumerateArray(),
            instance => instance.GetProperty("type").GetString() == "block-node");
    }

    /// <summary>A descriptor that each round leaves makes more than the daemon may have opened for itself meanwhile.</summary>
    private async Task NothingIsLeftAsync(ServerProcess daemon, int before, string peer)
    {
        const int patience = 200;
        var now = 0;
        for (var i = 0; i < patience && (now = Descriptors(daemon)) >= before + _rounds - 1; i++)
            await Task.Delay(100);
        Assert.True(now < before + _rounds - 1, $"{peer} leaves descriptors: {before} after the first round, {now} after {_rounds}");
    }

    private static int Descriptors(ServerProcess daemon) => Directory.GetFileSystemEntries($"/proc/{daemon.Id}/fd").Length;

    private string AddFar(string socket) =>
        $$"""{"execute": "blockdev-add", "arguments": {"driver": "nbd", "node-name": "far", "server": {"type": "unix", "path": "{{_folder[socket]}}" } } }""";

    private Task<ServerProcess> ServeAsync()
    {
        File.WriteAllBytes(_folder["disk.raw"], [.. Enumerable.Repeat((byte)1, 1 << 20)]);
        return ServerProcess.StartAsync(
            _folder["nbd.sock"],
            _folder.Path,
            Programs.Ours("qemu-nbd"),
            "-t", "-e", "100", "-f", "raw", "-k", _folder["nbd.sock"], "disk.raw");
    }

    private Task<ServerProcess> StartDaemonAsync(params string[] before)
    {
        string[] command =
        [
            .. before, Programs.Ours("qemu-storage-daemon"), "--pidfile", _folder["pid"],
            "--chardev", $"socket,id=qmp,path={_folder["qmp.sock"]},server=on,wait=off", "--monitor", "chardev=qmp",
        ];
        return ServerProcess.StartAsync(_folder["pid"], _folder.Path, command[0], command[1..]);
    }

    private async Task<QmpClient> ConnectAsync()
    {
        var client = await QmpClient.OpenAsync(_folder["qmp.sock"]);
        await client.RunAsync("""{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}""");
        return client;
    }
}
