// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

/// <summary>A driver that waits for the outside world while it resizes or closes a node keeps nobody else waiting.</summary>
public sealed class SlowChangesTests
{
    private readonly RemoteDriver _remote = new();

    public SlowChangesTests() => _remote.Answer();

    [Fact]
    public async Task Other_nodes_come_and_go_while_a_server_resizes()
    {
        await using var graph = new TestGraph(_remote);
        var far = await FarAsync(graph);
        _remote.Resizing.Hold();
        var resizing = ResizeAsync(far, 8192);
        await _remote.Resizing.Arrived;

        await ComeAndGoAsync(graph);

        Assert.False(resizing.IsCompleted);
        _remote.Resizing.Answer();
        await resizing;
        Assert.Equal(8192, far.Length);
        Assert.Empty(far.Parents);
    }

    [Fact]
    public async Task Other_nodes_come_and_go_while_a_server_takes_its_leave()
    {
        await using var graph = new TestGraph(_remote);
        await FarAsync(graph);
        _remote.Closing.Hold();
        var removing = graph.Graph.RemoveAsync("far", CancellationToken.None).AsTask();
        await _remote.Closing.Arrived;

        await ComeAndGoAsync(graph);

        Assert.False(removing.IsCompleted);
        _remote.Closing.Answer();
        await removing;
        Assert.Equal(1, _remote.Closed);
    }

    [Fact]
    public async Task A_node_that_is_being_closed_is_gone_and_its_name_is_taken_until_it_is()
    {
        await using var graph = new TestGraph(_remote);
        await FarAsync(graph);
        _remote.Closing.Hold();
        var removing = graph.Graph.RemoveAsync("far", CancellationToken.None).AsTask();
        await _remote.Closing.Arrived;

        Assert.Empty(graph.Graph.Nodes);
        Assert.False(graph.Graph.TryGetNode("far", out _));
        var error = await Assert.ThrowsAsync<BlockException>(() => graph.AddAsync("{'driver':'memory','node-name':'far'}"));
        Assert.Equal("Duplicate nodes with node-name='far'", error.Message);

        _remote.Closing.Answer();
        await removing;
        await graph.AddAsync("{'driver':'memory','node-name':'far'}");
    }

    [Fact]
    public async Task A_node_that_is_being_resized_is_not_closed()
    {
        await using var graph = new TestGraph(_remote);
        var far = await FarAsync(graph);
        _remote.Resizing.Hold();
        var resizing = ResizeAsync(far, 8192);
        await _remote.Resizing.Arrived;

        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await graph.Graph.RemoveAsync("far", CancellationToken.None));
        Assert.Equal("Node far is in use", error.Message);

        _remote.Resizing.Answer();
        await resizing;
        await graph.Graph.RemoveAsync("far", CancellationToken.None);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    public async Task Resizes_of_one_node_come_one_after_another(int count)
    {
        await using var graph = new TestGraph(_remote);
        var far = await FarAsync(graph);
        _remote.Resizing.Hold();
        var resizes = Enumerable.Range(1, count).Select(n => ResizeAsync(far, n * 4096)).ToArray();
        await _remote.Resizing.Arrived;
        _remote.Resizing.Answer();

        await Task.WhenAll(resizes);

        Assert.Contains(far.Length, Enumerable.Range(1, count).Select(n => n * 4096L));
        Assert.Empty(graph.Graph.Backends);
    }

    [Fact]
    public async Task Users_wait_while_their_node_is_resized()
    {
        await using var graph = new TestGraph(_remote);
        var far = await FarAsync(graph);
        await using var reader = await graph.Graph.CreateBackendAsync(far, Reader, CancellationToken.None);
        await using var queue = reader.OpenQueue();
        _remote.Resizing.Hold();
        var resizing = ResizeAsync(far, 8192);
        await _remote.Resizing.Arrived;

        var read = queue.ReadAsync(4096, new byte[512]).AsTask();

        Assert.False(read.IsCompleted);
        _remote.Resizing.Answer();
        await resizing;
        Assert.True((await read).IsOk);
    }

    [Fact]
    public async Task A_resize_waits_for_a_drained_section_and_a_section_for_a_resize()
    {
        await using var graph = new TestGraph(_remote);
        var far = await FarAsync(graph);
        var first = await graph.Graph.DrainAsync(far, CancellationToken.None);
        _remote.Resizing.Hold();
        var resizing = ResizeAsync(far, 8192);
        Assert.False(resizing.IsCompleted);
        await first.DisposeAsync();
        await _remote.Resizing.Arrived;

        var second = graph.Graph.DrainAsync(far, CancellationToken.None).AsTask();
        Assert.False(second.IsCompleted);

        _remote.Resizing.Answer();
        await (await second).DisposeAsync();
        await resizing;
    }

    [Fact]
    public async Task A_drained_section_waits_for_what_is_being_closed_above_it()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await graph.AddAsync("{'driver':'layer','node-name':'top','file':'disk'}");
        var (arrived, answer) = (new TaskCompletionSource(), new TaskCompletionSource());
        graph.Layer.BeforeClose = async () =>
        {
            arrived.SetResult();
            await answer.Task;
        };
        var removing = graph.Graph.RemoveAsync("top", CancellationToken.None).AsTask();
        await arrived.Task;

        var draining = graph.Graph.DrainAsync(disk, CancellationToken.None).AsTask();

        Assert.False(draining.IsCompleted);
        answer.SetResult();
        await (await draining).DisposeAsync();
        await removing;
    }

    [Fact]
    public async Task The_end_of_the_graph_waits_for_what_is_being_closed()
    {
        var graph = new TestGraph(_remote);
        await FarAsync(graph);
        _remote.Closing.Hold();
        var removing = graph.Graph.RemoveAsync("far", CancellationToken.None).AsTask();
        await _remote.Closing.Arrived;

        var ending = graph.DisposeAsync().AsTask();

        Assert.False(ending.IsCompleted);
        _remote.Closing.Answer();
        await ending;
        await removing;
        Assert.Equal(1, _remote.Closed);
    }

    private static BackendOptions Reader => new() { Permissions = new(BlockPermissions.ConsistentRead, BlockPermissions.All) };

    private static Task<IGraphNode> FarAsync(TestGraph graph) => graph.AddAsync("{'driver':'remote','node-name':'far'}");

    private static Task ResizeAsync(IGraphNode node, long length) =>
        node.ResizeAsync(length, new ResizeOptions(), CancellationToken.None).AsTask();

    private static async Task ComeAndGoAsync(TestGraph graph)
    {
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await disk.ResizeAsync(8192, new ResizeOptions(), CancellationToken.None);
        await graph.Graph.RemoveAsync("disk", CancellationToken.None);
    }
}
