// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

public sealed class PermissionTests
{
    [Fact]
    public async Task Two_users_conflict_where_one_needs_what_the_other_does_not_share()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await using var first = await graph.BackendAsync(
            "disk", TestGraph.Writer with { Permissions = new(BlockPermissions.Write, BlockPermissions.ConsistentRead) });
        var error = await Assert.ThrowsAsync<BlockException>(
            () => graph.BackendAsync("disk", TestGraph.Writer with { Name = "drive0" }));
        Assert.Equal(
            "Permission conflict on node 'disk': permissions 'write' are both required by block device 'drive0' (uses node 'disk' as 'root' child) "
            + "and unshared by an unnamed block device (uses node 'disk' as 'root' child).",
            error.Message);
        Assert.Single(graph.Graph.Backends);
        Assert.Single(graph.Graph.Lookup(null, "disk").Parents);
    }

    [Fact]
    public async Task A_format_shares_its_storage_with_readers_only()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'file'}");
        await graph.AddAsync("{'driver':'layer','node-name':'top','file':'file'}");
        await using var reader = await graph.BackendAsync("file", TestGraph.Reader);
        var error = await Assert.ThrowsAsync<BlockException>(
            () => graph.AddAsync("{'driver':'layer','node-name':'other','file':'file'}"));
        Assert.StartsWith(
            "Permission conflict on node 'file': permissions 'write, resize' are both required by node ",
            error.Message,
            StringComparison.Ordinal);
        Assert.Contains("(uses node 'file' as 'file' child)", error.Message, StringComparison.Ordinal);
        Assert.Equal(["top", "file"], graph.Graph.Nodes.Select(node => node.Name));
    }

    [Fact]
    public async Task Permissions_of_a_user_reach_the_storage_and_go_with_it()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync(
            "{'driver':'layer','node-name':'top','file':{'driver':'memory','node-name':'file'},'backing':{'driver':'memory','node-name':'base'}}");
        var backing = graph.Graph.Lookup(null, "base").Parents.Single();
        Assert.Equal(BlockPermissions.None, backing.Permissions.Needed);
        await using (var backend = await graph.BackendAsync("top", TestGraph.Reader))
            Assert.Equal(BlockPermissions.ConsistentRead, backing.Permissions.Needed);
        Assert.Equal(BlockPermissions.None, backing.Permissions.Needed);
    }

    [Fact]
    public async Task A_layer_is_asked_as_often_in_a_long_chain_as_in_a_short_one()
    {
        var (few, many) = (await QuestionsAsync(layers: 6), await QuestionsAsync(layers: 48));
        Assert.InRange(many, 1, 10 * few);

        static async Task<int> QuestionsAsync(int layers)
        {
            await using var graph = new TestGraph();
            var chain = "{'driver':'memory'}";
            for (var i = 0; i < layers; i++)
                chain =
                    $"{{'driver':'layer','node-name':'layer{i}','file':{{'driver':'memory'}},'read-only':true,'backing':{chain}}}";
            await graph.AddAsync(chain);
            await using (await graph.BackendAsync($"layer{layers - 1}", TestGraph.Reader))
                Assert.Equal(
                    BlockPermissions.ConsistentRead, graph.Graph.Lookup(null, "layer0").Parents.Single().Permissions.Needed);
            await graph.Graph.RemoveAsync($"layer{layers - 1}", CancellationToken.None);
            return graph.Layer.PermissionCalls;
        }
    }

    [Fact]
    public async Task A_node_with_two_ways_to_it_gets_what_both_need_and_share()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'base'}");
        await graph.AddAsync(
            "{'driver':'layer','node-name':'middle','read-only':true,'file':{'driver':'memory'},'backing':'base'}");
        await graph.AddAsync("{'driver':'layer','node-name':'top','read-only':true,'file':'base','backing':'middle'}");
        var ways = graph.Graph.Lookup(null, "base").Parents.ToDictionary(edge => edge.Parent!.Name);

        await using (await graph.BackendAsync("top", TestGraph.Reader))
        {
            Assert.All(ways.Values, edge => Assert.Equal(BlockPermissions.ConsistentRead, edge.Permissions.Needed));
            var error = await Assert.ThrowsAsync<BlockException>(() => graph.BackendAsync("base", TestGraph.Writer));
            Assert.StartsWith(
                "Permission conflict on node 'base': permissions 'write' are both required by",
                error.Message,
                StringComparison.Ordinal);
        }

        Assert.Equal(BlockPermissions.None, ways["middle"].Permissions.Needed);
    }

    [Fact]
    public async Task A_driver_that_gets_no_lock_refuses_the_user_and_nothing_changes()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync(
            "{'driver':'layer','node-name':'top','file':{'driver':'memory','node-name':'file'},'backing':{'driver':'memory','node-name':'base'}}");
        var (file, below) = (graph.Memory.Opened[0], graph.Memory.Opened[1]);
        below.RefusePermissions = new BlockException(BlockErrorKind.Busy, "Failed to get \"consistent read\" lock");
        file.PermissionCalls.Clear();

        var error = await Assert.ThrowsAsync<BlockException>(() => graph.BackendAsync("top", TestGraph.Writer));

        Assert.Equal("Failed to get \"consistent read\" lock", error.Message);
        Assert.Empty(graph.Graph.Backends);
        Assert.Equal(BlockPermissions.None, graph.Graph.Lookup(null, "base").Parents.Single().Permissions.Needed);
        Assert.DoesNotContain("commit", file.PermissionCalls);
        Assert.Equal(
            file.PermissionCalls.Count(call => call.StartsWith("prepare", StringComparison.Ordinal)),
            file.PermissionCalls.Count(call => call == "abort"));
    }

    [Fact]
    public async Task A_read_only_node_takes_no_writer()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk','read-only':true}");
        var error = await Assert.ThrowsAsync<BlockException>(() => graph.BackendAsync("disk", TestGraph.Writer));
        Assert.Equal("Block node is read-only", error.Message);
    }

    [Fact]
    public async Task A_queue_without_the_permission_to_write_does_not()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Reader);
        await using var queue = backend.OpenQueue();
        Assert.Equal(Errno.EPERM, (await queue.WriteAsync(0, new byte[512])).Errno);
        Assert.Equal(Errno.EPERM, (await queue.WriteZeroesAsync(0, 512)).Errno);
        Assert.Equal(Errno.EPERM, (await queue.DiscardAsync(0, 512)).Errno);
        Assert.Equal(0, graph.Memory.Opened.Single().Writes);

        await backend.ChangePermissionsAsync(TestGraph.Writer.Permissions, CancellationToken.None);
        Assert.True((await queue.WriteAsync(0, new byte[512])).IsOk);
    }

    [Fact]
    public async Task Resizing_conflicts_with_a_user_that_does_not_share_it()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await using (var backend = await graph.BackendAsync("disk", TestGraph.Writer))
        {
            var error = await Assert.ThrowsAsync<BlockException>(
                async () => await disk.ResizeAsync(4096, default, CancellationToken.None));
            Assert.StartsWith(
                "Permission conflict on node 'disk': permissions 'resize' are both required by an unnamed block device",
                error.Message,
                StringComparison.Ordinal);
        }

        var resized = 0;
        await using var follower = await graph.BackendAsync("disk", TestGraph.Reader);
        follower.Resized += _ => resized++;
        await disk.ResizeAsync(4096, default, CancellationToken.None);
        Assert.Equal(4096, follower.Length);
        Assert.Equal(1, resized);
    }
}
