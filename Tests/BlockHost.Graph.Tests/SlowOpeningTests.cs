// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

/// <summary>A driver that waits for the outside world while it opens a node keeps nobody else waiting.</summary>
public sealed class SlowOpeningTests
{
    private readonly RemoteDriver _remote = new();

    [Fact]
    public async Task Other_nodes_come_and_go_while_a_server_does_not_answer()
    {
        await using var graph = new TestGraph(_remote);
        var opening = graph.AddAsync("{'driver':'remote','node-name':'far'}");
        await _remote.Connecting;

        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await disk.ResizeAsync(8192, new ResizeOptions(), CancellationToken.None);
        await graph.Graph.RemoveAsync("disk", CancellationToken.None);

        _remote.Answer();
        Assert.Equal("far", (await opening).Name);
    }

    [Fact]
    public async Task A_node_that_is_being_opened_is_not_there_yet_and_its_name_is_taken()
    {
        await using var graph = new TestGraph(_remote);
        var opening = graph.AddAsync("{'driver':'remote','node-name':'far'}");
        await _remote.Connecting;

        Assert.Empty(graph.Graph.Nodes);
        Assert.False(graph.Graph.TryGetNode("far", out _));
        var error = await Assert.ThrowsAsync<BlockException>(() => graph.AddAsync("{'driver':'memory','node-name':'far'}"));
        Assert.Equal("Duplicate nodes with node-name='far'", error.Message);

        _remote.Answer();
        await opening;
        Assert.True(graph.Graph.TryGetNode("far", out _));
    }

    [Fact]
    public async Task A_yank_frees_a_node_that_is_being_opened_and_nothing_of_it_is_left()
    {
        await using var graph = new TestGraph(_remote);
        var opening = graph.AddAsync("{'driver':'layer','node-name':'top','file':{'driver':'remote','node-name':'far'}}");
        await _remote.Connecting;
        Assert.Equal("block-node far", Describe(graph));

        graph.Yank.Yank(graph.Yank.List());

        Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => opening)).Kind);
        Assert.Empty(graph.Graph.Nodes);
        Assert.Equal(0, graph.Leases);
        Assert.Empty(graph.Yank.List());
    }

    [Fact]
    public async Task A_node_can_be_yanked_until_it_is_closed()
    {
        await using var graph = new TestGraph(_remote);
        _remote.Answer();
        await graph.AddAsync("{'driver':'remote','node-name':'far'}");
        Assert.Equal("block-node far", Describe(graph));

        await graph.Graph.RemoveAsync("far", CancellationToken.None);
        Assert.Empty(graph.Yank.List());
    }

    [Fact]
    public async Task The_end_of_the_host_gives_up_what_is_being_opened()
    {
        await using var graph = new TestGraph(_remote);
        await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var opening = graph.AddAsync("{'driver':'remote','node-name':'far'}");
        await _remote.Connecting;

        graph.Graph.StopOpening();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => graph.AddAsync("{'driver':'memory','node-name':'late'}"));
        Assert.Equal("disk", Assert.Single(graph.Graph.Nodes).Name);
    }

    [Fact]
    public async Task A_child_that_was_opened_is_closed_when_its_parent_is_given_up()
    {
        await using var graph = new TestGraph(_remote);
        using var givenUp = new CancellationTokenSource();
        var json = TestGraph.Json(
            "{'driver':'layer','node-name':'top','file':{'driver':'memory','node-name':'near'},'backing':{'driver':'remote'}}");
        var opening = graph.Graph.AddAsync(json, givenUp.Token).AsTask();
        await _remote.Connecting;
        await givenUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
        Assert.True(graph.Memory.Opened.Single().IsClosed);
        Assert.False(graph.Graph.TryGetNode("near", out _));
    }

    [Fact]
    public async Task A_node_that_an_opening_parent_uses_cannot_be_removed()
    {
        await using var graph = new TestGraph(_remote);
        await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var opening = graph.AddAsync("{'driver':'layer','node-name':'top','file':'disk','backing':{'driver':'remote'}}");
        await _remote.Connecting;

        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await graph.Graph.RemoveAsync("disk", CancellationToken.None));
        Assert.Equal("Block device disk is in use", error.Message);

        _remote.Answer();
        await opening;
    }

    [Fact]
    public async Task A_drained_node_gets_no_requests_from_a_parent_that_opens()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var reader = new OpeningReader();
        graph.Layer.BeforeOpenReturns = () => reader.ReadAsync(graph.Graph);
        var drained = await graph.Graph.DrainAsync(disk, CancellationToken.None);
        var opening = graph.AddAsync("{'driver':'layer','node-name':'top','file':'disk'}");
        await reader.Reading;

        Assert.Equal(0, graph.Memory.Opened.Single().Reads);
        await drained.DisposeAsync();
        await opening;
        Assert.Equal(1, graph.Memory.Opened.Single().Reads);
    }

    [Fact]
    public async Task A_drain_waits_for_requests_of_a_parent_that_opens()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var (arrived, answer) = (new TaskCompletionSource(), new TaskCompletionSource());
        graph.Memory.BeforeRequest = async _ =>
        {
            arrived.TrySetResult();
            await answer.Task;
        };
        var reader = new OpeningReader();
        graph.Layer.BeforeOpenReturns = () => reader.ReadAsync(graph.Graph);
        var opening = graph.AddAsync("{'driver':'layer','node-name':'top','file':'disk'}");
        await arrived.Task;

        var draining = graph.Graph.DrainAsync(disk, CancellationToken.None).AsTask();
        Assert.False(draining.IsCompleted);
        answer.SetResult();
        await (await draining).DisposeAsync();
        await opening;
    }

    private static string Describe(TestGraph graph)
    {
        var instance = Assert.Single(graph.Yank.List());
        return $"{instance.Type} {instance.Identity.GetProperty("node-name").GetString()}";
    }

    /// <summary>Reads, inside OpenAsync of the parent that opens, from the child called "disk".</summary>
    private sealed class OpeningReader
    {
        private readonly TaskCompletionSource _reading = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Reading => _reading.Task;

        public async Task ReadAsync(IBlockGraph graph)
        {
            Assert.True(graph.TryGetNode("disk", out var disk));
            var child = Assert.IsAssignableFrom<IBlockChild>(Assert.Single(disk.Parents));
            var read = child.ReadAsync(0, new byte[512]);
            _reading.TrySetResult();
            await read;
        }
    }
}
