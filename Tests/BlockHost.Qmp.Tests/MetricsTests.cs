// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Jobs.Tests.Support;
using BlockHost.Qmp.Tests.Support;

namespace BlockHost.Qmp.Tests;

/// <summary>What an operator reads from the host's meter.</summary>
public sealed class MetricsTests
{
    private static readonly BlockPermissionSet Writer = new(
        BlockPermissions.ConsistentRead | BlockPermissions.Write, BlockPermissions.All);

    [Fact]
    public async Task A_nodes_requests_are_counted_by_operation()
    {
        await using var host = await MeasuredHost.StartAsync();
        await AddDiskAsync(host);
        await using var user = await UseAsync(host);
        await using (var queue = user.OpenQueue())
        {
            Assert.True((await queue.ReadAsync(0, new byte[512])).IsOk);
            Assert.True((await queue.ReadAsync(0, new byte[1024])).IsOk);
            Assert.True((await queue.WriteAsync(0, new byte[4096])).IsOk);
            Assert.True((await queue.FlushAsync()).IsOk);
            Assert.False((await queue.ReadAsync(1 << 20, new byte[512])).IsOk);
        }

        Assert.Equal(Series("operations", read: 2, write: 1, flush: 1), host.Read("blockhost.node.operations"));
        Assert.Equal(Series("io", read: 1536, write: 4096), host.Read("blockhost.node.io"));
        Assert.Equal(Series("errors", read: 1), host.Read("blockhost.node.errors"));
        Assert.Equal(0, host.Read()["blockhost.node.in_flight{node=disk}"]);
    }

    [Fact]
    public async Task A_nodes_counters_stay_when_its_user_leaves_and_go_with_the_node()
    {
        await using var host = await MeasuredHost.StartAsync();
        await AddDiskAsync(host);
        for (var users = 1; users <= 2; users++)
        {
            await using (var user = await UseAsync(host))
            await using (var queue = user.OpenQueue())
                Assert.True((await queue.ReadAsync(0, new byte[512])).IsOk);
            Assert.Equal(Series("operations", read: users), host.Read("blockhost.node.operations"));
        }

        await host.RunAsync("blockdev-del", "{'node-name':'disk'}");

        Assert.Empty(host.Read("blockhost.node"));
    }

    [Fact]
    public async Task Exports_show_clients_and_requests_of_their_own()
    {
        await using var host = await MeasuredHost.StartAsync();
        await AddDiskAsync(host);
        var socket = Path.Combine(Path.GetTempPath(), $"metrics-{Guid.NewGuid():N}.sock");
        await host.RunAsync("nbd-server-start", $"{{'addr':{{'type':'unix','data':{{'path':'{socket}'}}}}}}");
        await host.RunAsync("block-export-add", "{'type':'nbd','id':'out','node-name':'disk','name':'out','writable':true}");

        Assert.Equal(0, host.Read()["blockhost.export.clients{export=out,type=nbd}"]);
        Assert.Equal(0, host.Read()["blockhost.export.operations{export=out,type=nbd,operation=read}"]);

        // The client is this host's own driver, which reads nothing by itself.
        await host.RunAsync(
            "blockdev-add",
            $"{{'driver':'nbd','node-name':'client','server':{{'type':'unix','path':'{socket}'}},'export':'out'}}");
        await using (var user = await UseAsync(host, "client"))
        await using (var queue = user.OpenQueue())
            Assert.True((await queue.ReadAsync(0, new byte[4096])).IsOk);

        var series = host.Read();
        Assert.Equal(1, series["blockhost.export.clients{export=out,type=nbd}"]);
        Assert.Equal(1, series["blockhost.export.operations{export=out,type=nbd,operation=read}"]);
        Assert.Equal(4096, series["blockhost.export.io{export=out,type=nbd,operation=read}"]);
        Assert.Equal(1, series["blockhost.node.operations{node=disk,operation=read}"]);

        await host.RunAsync("blockdev-del", "{'node-name':'client'}");
        await host.Host.Exports.RemoveAllAsync("nbd", CancellationToken.None);
        Assert.Empty(host.Read("blockhost.export"));
    }

    [Fact]
    public async Task Commands_are_counted_and_timed_by_name_and_unknown_names_are_not()
    {
        await using var host = await MeasuredHost.StartAsync();
        await host.RunAsync("query-version", "{}");
        await host.RunAsync("query-version", "{}");
        await Assert.ThrowsAnyAsync<Exception>(() => host.RunAsync("blockdev-del", "{'node-name':'none'}"));
        await Assert.ThrowsAsync<QmpException>(() => host.RunAsync("no-such-command", "{}"));

        Assert.Equal(
            new Dictionary<string, long>
            {
                ["blockhost.monitor.commands{command=query-version}"] = 2,
                ["blockhost.monitor.commands{command=blockdev-del}"] = 1,
            },
            host.Read("blockhost.monitor.commands"));
        Assert.Equal(1, host.Read()["blockhost.monitor.errors{command=blockdev-del}"]);
        Assert.Equal(0, host.Read()["blockhost.monitor.errors{command=query-version}"]);
        Assert.Equal(0, host.Read()["blockhost.monitor.clients"]);
        Assert.Equal("blockhost.monitor.command.duration{command=query-version} 0", host.Recorded[0]);
        Assert.Equal(3, host.Recorded.Count);
    }

    [Fact]
    public async Task Clients_of_monitors_are_counted_while_they_are_connected()
    {
        await using var host = await MeasuredHost.StartAsync();
        var socket = Path.Combine(Path.GetTempPath(), $"metrics-{Guid.NewGuid():N}.sock");
        await host.ListenAsync(socket);
        using (var client = await TestClient.ConnectAsync(socket))
        {
            Assert.Contains("\"QMP\"", await client.ReadAsync());
            await Eventually.HoldsAsync(() => host.Read()["blockhost.monitor.clients"] == 1, () => "the client is not counted");
        }

        await Eventually.HoldsAsync(() => host.Read()["blockhost.monitor.clients"] == 0, () => "the client is still counted");
    }

    [Fact]
    public async Task A_job_that_fails_ends_as_failed()
    {
        await using var host = await MeasuredHost.StartAsync();
        await host.RunAsync(
            "blockdev-create", "{'job-id':'j','options':{'driver':'file','filename':'/nowhere/disk','size':512}}");

        await Eventually.HoldsAsync(() => host.Read("blockhost.job.ended").Count > 0, () => "the job does not end");
        Assert.Equal(
            new Dictionary<string, long> { ["blockhost.job.ended{type=create,result=failed}"] = 1 },
            host.Read("blockhost.job.ended"));
        Assert.Equal(0, host.Read()["blockhost.job.running{type=create}"]);
    }

    [Fact]
    public async Task Two_hosts_in_one_process_do_not_mix()
    {
        await using var one = await MeasuredHost.StartAsync();
        await using var other = await MeasuredHost.StartAsync();
        await AddDiskAsync(one);

        Assert.NotEmpty(one.Read("blockhost.node"));
        Assert.Empty(other.Read("blockhost.node"));
        Assert.Empty(other.Read("blockhost.monitor.commands"));
    }

    [Fact]
    public async Task Buffers_in_use_and_the_memory_of_clients_are_shown()
    {
        await using var host = await MeasuredHost.StartAsync();
        using (host.Host.Buffers.Rent(1 << 16))
        {
            var series = host.Read();
            Assert.Equal(1, series["blockhost.buffers.rented"]);
            Assert.True(series["blockhost.memory.used"] >= 1 << 16);
            Assert.Equal(host.Host.Memory.Limit, series["blockhost.memory.limit"]);
        }

        Assert.Equal(0, host.Read()["blockhost.buffers.rented"]);
        Assert.Equal(1 << 16, host.Read()["blockhost.buffers.kept"]);
    }

    private static async Task AddDiskAsync(MeasuredHost host) =>
        await host.RunAsync("blockdev-add", "{'driver':'null-co','node-name':'disk','size':1048576,'read-zeroes':true}");

    private static async Task<IBlockBackend> UseAsync(MeasuredHost host, string node = "disk") =>
        await host.Host.Graph.CreateBackendAsync(
            host.Host.Graph.Lookup(null, node), new BackendOptions { Permissions = Writer }, CancellationToken.None);

    private static Dictionary<string, long> Series(
        string name, long read = 0, long write = 0, long flush = 0, long discard = 0) => new()
        {
            [$"blockhost.node.{name}{{node=disk,operation=read}}"] = read,
            [$"blockhost.node.{name}{{node=disk,operation=write}}"] = write,
            [$"blockhost.node.{name}{{node=disk,operation=flush}}"] = flush,
            [$"blockhost.node.{name}{{node=disk,operation=discard}}"] = discard,
        };
}
