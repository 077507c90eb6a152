// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Core.Block;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

/// <summary>What users have asked of each node, as the metrics show it.</summary>
public sealed class TotalsTests
{
    [Fact]
    public async Task A_user_that_moves_to_another_node_leaves_its_requests_behind_and_brings_none()
    {
        await using var graph = new TestGraph();
        var disk = (GraphNode)await graph.AddAsync("{'driver':'memory','node-name':'disk','size':4096}");
        await using var user = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = user.OpenQueue();
        Assert.True((await queue.WriteAsync(0, new byte[512])).IsOk);

        var (inserted, _) = await graph.Graph.InsertFilterAsync(
            disk, "counting", CountingNode.MakeAsync, new FilterOptions { NodeName = "top" }, CancellationToken.None);
        var filter = (GraphNode)inserted;
        Assert.Equal((1, 0), (disk.Totals.Write.Operations, filter.Totals.Write.Operations));

        Assert.True((await queue.WriteAsync(0, new byte[1024])).IsOk);
        Assert.True((await queue.WriteAsync(0, new byte[1024])).IsOk);
        Assert.Equal(new KindTotals(1, 512, 0), disk.Totals.Write);
        Assert.Equal(new KindTotals(2, 2048, 0), filter.Totals.Write);

        await graph.Graph.RemoveFilterAsync(filter, CancellationToken.None);
        Assert.True((await queue.WriteAsync(0, new byte[512])).IsOk);
        Assert.Equal(new KindTotals(2, 1024, 0), disk.Totals.Write);
        Assert.Equal(4, user.Stats.WriteOperations);
    }

    [Fact]
    public async Task Requests_that_the_driver_holds_are_in_flight()
    {
        await using var graph = new TestGraph();
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        graph.Memory.BeforeRequest = async _ => await held.Task;
        var disk = (GraphNode)await graph.AddAsync("{'driver':'memory','node-name':'disk','size':4096}");
        await using var user = await graph.BackendAsync("disk", TestGraph.Reader);
        await using var queue = user.OpenQueue();
        var reads = new[] { queue.ReadAsync(0, new byte[512]).AsTask(), queue.ReadAsync(512, new byte[512]).AsTask() };

        Assert.Equal(2, disk.InFlight);
        Assert.Equal(0, disk.Totals.Read.Operations);
        held.SetResult();
        Assert.All(await Task.WhenAll(reads), status => Assert.True(status.IsOk));
        Assert.Equal(0, disk.InFlight);
        Assert.Equal(2, disk.Totals.Read.Operations);
    }
}
