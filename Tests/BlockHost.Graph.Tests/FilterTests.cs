// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

/// <summary>Filters that jobs put under the users of a node, and take away again.</summary>
public sealed class FilterTests
{
    private static readonly BackendOptions Job = new()
    { Permissions = BlockPermissionSet.None, StaysAtNode = true, ChildName = "main node" };

    [Fact]
    public async Task A_filter_sees_what_the_users_of_a_node_do_until_it_is_removed()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk','size':4096}");
        await using var user = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = user.OpenQueue();
        var (filter, node) = await graph.Graph.InsertFilterAsync(
            disk, "counting", CountingNode.MakeAsync, new FilterOptions { NodeName = "top" }, CancellationToken.None);
        Assert.Same(filter, user.Node);
        Assert.False(filter.IsImplicit);
        Assert.True((await queue.WriteAsync(0, new byte[512])).IsOk);
        Assert.Equal(1, node.Writes);

        await graph.Graph.RemoveFilterAsync(filter, CancellationToken.None);
        Assert.Same(disk, user.Node);
        Assert.False(graph.Graph.TryGetNode("top", out _));
        Assert.True((await queue.WriteAsync(0, new byte[512])).IsOk);
        Assert.Equal(1, node.Writes);
    }

    [Fact]
    public async Task A_user_that_stays_at_its_node_is_not_given_the_filter()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk','size':4096}");
        await using var job = await graph.Graph.CreateBackendAsync(disk, Job, CancellationToken.None);

        var (filter, _) = await graph.Graph.InsertFilterAsync(
            disk, "counting", CountingNode.MakeAsync, new FilterOptions(), CancellationToken.None);

        Assert.Same(disk, job.Node);
        Assert.True(filter.IsImplicit);
        Assert.Same(disk, Assert.Single(filter.Children).Child);
    }

    [Fact]
    public async Task A_filter_whose_name_is_taken_changes_nothing()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await Assert.ThrowsAnyAsync<Exception>(async () =>
            await graph.Graph.InsertFilterAsync(
                disk, "counting", CountingNode.MakeAsync, new FilterOptions { NodeName = "disk" }, CancellationToken.None));
        Assert.Empty(disk.Parents);
        Assert.Same(disk, Assert.Single(graph.Graph.Nodes));
    }
}
