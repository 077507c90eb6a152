// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

/// <summary>Chains, and changes of the open graph.</summary>
public sealed class EdgeTests
{
    private const int Block = LayerNode.Block;

    [Fact]
    public async Task A_chain_reads_from_the_highest_layer_that_has_the_data()
    {
        await using var graph = new TestGraph();
        graph.Memory.Files["base"] = [.. Enumerable.Repeat((byte)1, 4 * Block)];
        await graph.AddAsync("{'driver':'memory','node-name':'base','filename':'base','read-only':true}");
        await graph.AddAsync(
            $"{{'driver':'layer','node-name':'top','file':{{'driver':'memory','size':{8 * Block}}},'backing':'base'}}");
        await using var backend = await graph.BackendAsync("top", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        Assert.True((await queue.WriteAsync(Block + 100, new byte[] { 9, 9 })).IsOk);

        var all = new byte[8 * Block];
        Assert.True((await queue.ReadAsync(0, all)).IsOk);
        var expected = new byte[8 * Block];
        expected.AsSpan(0, 4 * Block).Fill(1);
        expected.AsSpan(Block + 100, 2).Fill(9);
        Assert.Equal(expected, all);

        Assert.Equal((1, Block), await Layer(0));
        Assert.Equal((0, Block), await Layer(Block));
        var beyond = await queue.GetStatusAsync(6 * Block, Block);
        Assert.True((beyond.Flags & BlockStatusFlags.Zero) != 0);

        async Task<(int, int)> Layer(long offset)
        {
            var status = await queue.GetStatusAsync(offset, Block);
            Assert.True(status.Status.IsOk);
            return (status.Depth, (int)status.Bytes);
        }
    }

    [Fact]
    public async Task An_overlay_takes_the_place_of_a_node_under_its_users()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync($"{{'driver':'memory','node-name':'disk','size':{4 * Block}}}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        Assert.True((await queue.WriteAsync(0, Filled(1, Block))).IsOk);
        var overlay = await graph.AddAsync(
            $"{{'driver':'layer','node-name':'overlay','file':{{'driver':'memory','size':{4 * Block}}},'backing':null}}");

        await graph.Graph.AppendAsync(overlay, disk, CancellationToken.None);
        Assert.Equal("overlay", backend.Node.Name);
        Assert.Same(disk, overlay.Backing);
        Assert.True((await queue.WriteAsync(Block, Filled(2, Block))).IsOk);

        var read = new byte[2 * Block];
        Assert.True((await queue.ReadAsync(0, read)).IsOk);
        Assert.Equal([.. Filled(1, Block), .. Filled(2, Block)], read);
        Assert.Equal(0, graph.Memory.Opened[0].Bytes[Block]);
    }

    [Fact]
    public async Task An_overlay_that_conflicts_changes_nothing()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var overlay = await graph.AddAsync(
            "{'driver':'layer','node-name':'overlay','read-only':true,'file':{'driver':'memory'},'backing':null}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await graph.Graph.AppendAsync(overlay, disk, CancellationToken.None));
        Assert.Equal("Block node is read-only", error.Message);
        Assert.Equal("disk", backend.Node.Name);
        Assert.Null(overlay.Backing);
        Assert.Empty(overlay.Parents);
        await using var queue = backend.OpenQueue();
        Assert.True((await queue.WriteAsync(0, Filled(1, 512))).IsOk);
    }

    [Fact]
    public async Task A_node_cannot_lie_under_itself()
    {
        await using var graph = new TestGraph();
        var low = await graph.AddAsync("{'driver':'layer','node-name':'low','file':{'driver':'memory'},'backing':null}");
        var top = await graph.AddAsync("{'driver':'layer','node-name':'top','file':{'driver':'memory'},'backing':'low'}");
        await Assert.ThrowsAsync<BlockException>(async () => await graph.Graph.SetBackingAsync(low, top, CancellationToken.None));
    }

    [Fact]
    public async Task A_backing_file_taken_away_closes_when_nobody_else_uses_it()
    {
        await using var graph = new TestGraph();
        var top = await graph.AddAsync(
            "{'driver':'layer','node-name':'top','file':{'driver':'memory'},'backing':{'driver':'memory','node-name':'inner'}}");
        await graph.Graph.SetBackingAsync(top, backing: null, CancellationToken.None);
        Assert.Null(top.Backing);
        Assert.False(graph.Graph.TryGetNode("inner", out _));
    }

    [Fact]
    public async Task Users_move_to_the_node_that_replaces_theirs()
    {
        await using var graph = new TestGraph();
        var one = await graph.AddAsync("{'driver':'memory','node-name':'one','size':4096}");
        var two = await graph.AddAsync("{'driver':'memory','node-name':'two','size':8192}");
        await using var backend = await graph.BackendAsync("one", TestGraph.Writer);
        await graph.Graph.ReplaceAsync(one, two, CancellationToken.None);
        Assert.Equal(8192, backend.Length);
        Assert.Empty(one.Parents);
    }

    [Fact]
    public async Task Reopening_changes_all_nodes_or_none()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'f1'}");
        await graph.AddAsync("{'driver':'memory','node-name':'f2'}");
        var one = await graph.AddAsync("{'driver':'layer','node-name':'one','file':'f1','backing':null}");
        var two = await graph.AddAsync("{'driver':'layer','node-name':'two','file':'f2','backing':null}");
        await using var writer = await graph.BackendAsync("two", TestGraph.Writer);

        // The second has a writer: it cannot become read-only, so the first must not either.
        await Assert.ThrowsAsync<BlockException>(() => Reopen("one", "two"));
        Assert.False(one.ReadOnly);
        Assert.False(two.ReadOnly);

        await Reopen("one");
        Assert.True(one.ReadOnly);
        Assert.Equal(BlockPermissions.ConsistentRead, graph.Graph.Lookup(null, "f1").Parents.Single().Permissions.Needed);

        Task Reopen(params string[] names) => graph.Graph.ReopenAsync(
            [.. names.Select(name => TestGraph.Json(
                $"{{'driver':'layer','node-name':'{name}','read-only':true,'file':'{(name == "one" ? "f1" : "f2")}','backing':null}}"))],
            CancellationToken.None).AsTask();
    }

    [Fact]
    public async Task Reopening_for_writing_gets_the_permissions_first()
    {
        await using var graph = new TestGraph();
        var top = await graph.AddAsync(
            "{'driver':'layer','node-name':'top','read-only':true,'file':{'driver':'memory','node-name':'file','read-only':false},'backing':null}");
        var storage = graph.Graph.Lookup(null, "file").Parents.Single();
        Assert.Equal(BlockPermissions.ConsistentRead, storage.Permissions.Needed);
        await graph.Graph.ReopenAsync(
            [TestGraph.Json("{'driver':'layer','node-name':'top','file':'file','backing':null}")], CancellationToken.None);
        Assert.False(top.ReadOnly);
        Assert.True((storage.Permissions.Needed & BlockPermissions.Write) != 0);
    }

    [Theory]
    [InlineData("{'driver':'layer','file':'file','backing':null}", "node-name not specified")]
    [InlineData("{'driver':'layer','node-name':'nope','file':'file'}", "Failed to find node with node-name='nope'")]
    [InlineData("{'driver':'memory','node-name':'top'}", "Cannot change the option 'driver'")]
    [InlineData(
        "{'driver':'layer','node-name':'top','file':'top','backing':null}",
        "Making 'top' a file child of 'top' would create a cycle")]
    public async Task Reopening_refuses_what_cannot_change(string options, string message)
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'other'}");
        await graph.AddAsync("{'driver':'layer','node-name':'top','file':{'driver':'memory','node-name':'file'},'backing':null}");
        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await graph.Graph.ReopenAsync([TestGraph.Json(options)], CancellationToken.None));
        Assert.Equal(message, error.Message);
    }

    [Fact]
    public async Task Reopening_gives_a_node_another_file_and_lets_go_of_the_old_one()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'other'}");
        var top = await graph.AddAsync(
            "{'driver':'layer','node-name':'top','file':{'driver':'memory','node-name':'file'},'backing':null}");

        await graph.Graph.ReopenAsync(
            [TestGraph.Json("{'driver':'layer','node-name':'top','file':'other','backing':null}")], CancellationToken.None);

        Assert.Equal("other", top.Children.Single().Child.Name);
        Assert.False(graph.Graph.TryGetNode("file", out _));
    }

    [Fact]
    public async Task A_file_stays_where_another_node_of_the_list_cannot_be_reopened()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'other'}");
        var top = await graph.AddAsync(
            "{'driver':'layer','node-name':'top','file':{'driver':'memory','node-name':'file'},'backing':null}");
        var exchange = TestGraph.Json("{'driver':'layer','node-name':'top','file':'other','backing':null}");
        var refused = TestGraph.Json("{'driver':'layer','node-name':'other'}");

        await Assert.ThrowsAsync<BlockException>(
            async () => await graph.Graph.ReopenAsync([exchange, refused], CancellationToken.None));

        Assert.Equal("file", top.Children.Single().Child.Name);
        Assert.Empty(graph.Graph.Lookup(null, "other").Parents);
    }

    [Fact]
    public async Task Reopening_takes_nodes_along_that_have_their_options_from_the_one_reopened()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync(
            "{'driver':'layer','node-name':'top','file':{'driver':'layer','node-name':'inner','file':{'driver':'memory'},'backing':null},'backing':null}");
        var inner = graph.Graph.Lookup(null, "inner");
        await graph.Graph.ReopenAsync(
            [TestGraph.Json("{'driver':'layer','node-name':'top','read-only':true,'file':'inner','backing':null}")],
            CancellationToken.None).AsTask()
            .ContinueWith(done => Assert.NotNull(done.Exception), TaskScheduler.Default);
        // The memory driver below cannot reopen: nothing changes.
        Assert.False(inner.ReadOnly);
        Assert.False(graph.Graph.Lookup(null, "top").ReadOnly);
    }

    [Fact]
    public async Task A_node_with_writers_cannot_become_read_only()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'layer','node-name':'top','file':'FILE','backing':null}".Replace(
            "'FILE'", "{'driver':'memory','node-name':'file','read-only':false}"));
        await using var writer = await graph.BackendAsync("top", TestGraph.Writer);
        var error = await Assert.ThrowsAsync<BlockException>(async () => await graph.Graph.ReopenAsync(
            [TestGraph.Json("{'driver':'layer','node-name':'top','read-only':true,'file':'file','backing':null}")],
            CancellationToken.None));
        Assert.Equal("Read-only block node 'top' cannot support read-write users", error.Message);
    }

    [Fact]
    public async Task A_backing_file_cannot_be_deleted()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'base','read-only':true}");
        await graph.AddAsync("{'driver':'layer','node-name':'top','file':{'driver':'memory'},'backing':'base'}");
        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await graph.Graph.RemoveAsync("base", CancellationToken.None));
        Assert.Equal("Node 'base' is busy: node is used as backing hd of 'top'", error.Message);
    }

    [Fact]
    public async Task Reopening_can_put_another_backing_file_under_a_node()
    {
        await using var graph = new TestGraph();
        graph.Memory.Files["b"] = Filled(5, Block);
        await graph.AddAsync("{'driver':'memory','node-name':'b','filename':'b','read-only':true}");
        var top = await graph.AddAsync(
            "{'driver':'layer','node-name':'top','file':{'driver':'memory','node-name':'file'},'backing':{'driver':'memory','node-name':'inner'}}");
        await graph.Graph.ReopenAsync(
            [TestGraph.Json("{'driver':'layer','node-name':'top','file':'file','backing':'b'}")], CancellationToken.None);
        Assert.Equal("b", top.Backing?.Name);
        Assert.False(graph.Graph.TryGetNode("inner", out _));
        await using var backend = await graph.BackendAsync("top", TestGraph.Reader);
        await using var queue = backend.OpenQueue();
        var read = new byte[Block];
        Assert.True((await queue.ReadAsync(0, read)).IsOk);
        Assert.Equal(Filled(5, Block), read);
    }

    private static byte[] Filled(byte value, int length) => [.. Enumerable.Repeat(value, length)];
}
