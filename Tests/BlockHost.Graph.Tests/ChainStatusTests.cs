// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

/// <summary>Block status over a chain: what it says, and what it costs.</summary>
public sealed class ChainStatusTests
{
    private const int Block = LayerNode.Block;

    [Theory]
    [InlineData(8)]
    [InlineData(64)]
    public async Task A_walk_asks_each_layer_for_each_of_its_own_runs_not_for_those_of_the_layers_above(int layers)
    {
        await using var graph = new TestGraph();
        await AddChainAsync(graph, layers);
        await using var backend = await graph.BackendAsync("top", TestGraph.Reader);
        await using var queue = backend.OpenQueue();
        graph.Layer.StatusCalls = 0;

        var runs = await WalkAsync(queue, (long)layers * Block);

        // Layer n holds block n alone, so each block is a run, and each layer has two gaps and a run of data.
        Assert.Equal(Enumerable.Range(0, layers).Select(layer => (Offset: (long)layer * Block, Depth: layer)), runs);
        Assert.InRange(graph.Layer.StatusCalls, layers, 6 * layers);
    }

    [Fact]
    public async Task What_is_known_of_a_layer_ends_when_it_becomes_writable()
    {
        await using var graph = new TestGraph();
        graph.Memory.Files["f0"] = graph.Memory.Files["f1"] = new byte[4 * Block];
        (graph.Layer.Allocated["f0"], graph.Layer.Allocated["f1"]) = ([0], [1]);
        await graph.AddAsync("{'driver':'memory','node-name':'store','filename':'f1'}");
        await graph.AddAsync("{'driver':'layer','node-name':'below','read-only':true,'file':'store'}");
        await graph.AddAsync(
            "{'driver':'layer','node-name':'top','read-only':true,'file':{'driver':'memory','filename':'f0'},'backing':'below'}");
        await using var backend = await graph.BackendAsync("top", TestGraph.Reader);
        await using var queue = backend.OpenQueue();
        Assert.Equal(1, (await queue.GetStatusAsync(Block, Block)).Depth);
        var below = backend.Node.Backing!;
        Assert.Equal(2, (await queue.GetStatusAsync(2 * Block, Block)).Depth);

        await graph.Graph.SetReadOnlyAsync(below, readOnly: false, CancellationToken.None);
        var unchanged = new BackendOptions { Permissions = new(BlockPermissions.WriteUnchanged, BlockPermissions.All) };
        await using (var writer = await graph.Graph.CreateBackendAsync(below, unchanged, CancellationToken.None))
        {
            await using var writes = writer.OpenQueue();
            Assert.True((await writes.WriteAsync(2 * Block, new byte[Block], WriteFlags.Unchanged)).IsOk);
        }

        await graph.Graph.SetReadOnlyAsync(below, readOnly: true, CancellationToken.None);
        Assert.Equal(1, (await queue.GetStatusAsync(2 * Block, Block)).Depth);
    }

    /// <summary>Layer 0 is on top; layer n holds block n.</summary>
    private static async Task AddChainAsync(TestGraph graph, int layers)
    {
        for (var layer = 0; layer < layers; layer++)
        {
            graph.Memory.Files[$"f{layer}"] = new byte[Math.Max(layers, 4) * Block];
            graph.Layer.Allocated[$"f{layer}"] = [layer];
            if (layer + 1 < layers)
                graph.Layer.Recorded[$"f{layer}"] = new BackingFileReference(
                    $$$"""json:{"driver":"layer","file":{"driver":"memory","filename":"f{{{layer + 1}}}"}}""", "layer");
        }

        await graph.AddAsync("{'driver':'layer','node-name':'top','read-only':true,'file':{'driver':'memory','filename':'f0'}}");
    }

    private static async Task<List<(long Offset, int Depth)>> WalkAsync(IBlockQueue queue, long length)
    {
        var runs = new List<(long, int)>();
        for (long offset = 0; offset < length;)
        {
            var run = await queue.GetStatusAsync(offset, length - offset);
            runs.Add((offset, run.Depth));
            offset += run.Bytes;
        }

        return runs;
    }
}
