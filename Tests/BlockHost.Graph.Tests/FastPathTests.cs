// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Block;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

public sealed class FastPathTests
{
    [Fact]
    public async Task Requests_that_complete_at_once_allocate_nothing()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        Memory<byte> buffer = new byte[4096];

        Assert.Equal(0, Allocations.Of(() => Assert.True(queue.ReadAsync(8192, buffer).Result.IsOk)));
        Assert.Equal(0, Allocations.Of(() => Assert.True(queue.WriteAsync(8192, buffer).Result.IsOk)));
        Assert.Equal(0, Allocations.Of(() => Assert.True(queue.FlushAsync().Result.IsOk)));
    }

    [Fact]
    public async Task Requests_that_complete_later_reuse_their_carrier()
    {
        await using var graph = new TestGraph(new DelayedDriver());
        await graph.AddAsync("{'driver':'delayed','node-name':'disk'}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Reader);
        await using var queue = backend.OpenQueue();
        Memory<byte> buffer = new byte[4096];
        var node = DelayedDriver.Last!;

        var bytes = Allocations.Of(() =>
        {
            var read = queue.ReadAsync(0, buffer);
            Assert.False(read.IsCompleted);
            node.Complete();
            Assert.True(read.Result.IsOk);
        });
        Assert.Equal(0, bytes);
    }
}
