// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

/// <summary>The events that the host fires at a node that takes them, and what they cost where none does.</summary>
public sealed class EventTests
{
    private const string Disk = "{'driver':'memory','node-name':'disk','size':65536}";
    private const string Listening = "{'driver':'listening','node-name':'top','file':'disk'}";

    [Theory]
    [InlineData(0, 4096, "Pwritev,write,PwritevDone")]
    [InlineData(
        512, 4096, "PwritevRmwHead,read,PwritevRmwAfterHead,PwritevRmwTail,read,PwritevRmwAfterTail,Pwritev,write,PwritevDone")]
    [InlineData(0, 512, "PwritevRmwTail,read,PwritevRmwAfterTail,Pwritev,write,PwritevDone")]
    [InlineData(512, 3584, "PwritevRmwHead,read,PwritevRmwAfterHead,Pwritev,write,PwritevDone")]
    [InlineData(512, 512, "PwritevRmwHead,PwritevRmwTail,read,PwritevRmwAfterHead,PwritevRmwAfterTail,Pwritev,write,PwritevDone")]
    public async Task A_write_fires_an_event_before_each_of_its_steps(long offset, int bytes, string events)
    {
        var driver = new ListeningDriver(alignment: 4096);
        await using var graph = new TestGraph(driver);
        await using var backend = await OpenAsync(graph, Listening, "top");
        await using var queue = backend.OpenQueue();

        Assert.True((await queue.WriteAsync(offset, new byte[bytes])).IsOk);

        Assert.Equal(events.Split(','), driver.Last!.Heard);
    }

    [Fact]
    public async Task Zeroes_and_flushes_fire_theirs()
    {
        var driver = new ListeningDriver();
        await using var graph = new TestGraph(driver);
        await using var backend = await OpenAsync(graph, Listening, "top");
        await using var queue = backend.OpenQueue();

        Assert.True((await queue.WriteZeroesAsync(0, 4096)).IsOk);

        Assert.Equal(["PwritevZero", "zero", "PwritevDone"], driver.Last!.Heard);
    }

    [Fact]
    public async Task A_write_that_fails_is_over_as_well()
    {
        var driver = new ListeningDriver();
        await using var graph = new TestGraph(driver);
        await using var backend = await OpenAsync(graph, Listening, "top");
        graph.Memory.BeforeRequest = _ => throw new BlockException(BlockErrorKind.Io, "broken");
        await using var queue = backend.OpenQueue();

        Assert.False((await queue.WriteAsync(0, new byte[512])).IsOk);

        Assert.Equal(["Pwritev", "write", "PwritevDone"], driver.Last!.Heard);
    }

    [Fact]
    public async Task A_flush_tells_the_storage_before_and_after_its_driver_has_written_what_it_holds()
    {
        var driver = new ListeningDriver();
        await using var graph = new TestGraph(driver);
        await graph.AddAsync(Disk);
        await graph.AddAsync(Listening);
        await using var backend = await OpenAsync(graph, "{'driver':'layer','node-name':'image','file':'top'}", "image");
        driver.Last!.Heard.Clear();
        await using var queue = backend.OpenQueue();

        Assert.True((await queue.FlushAsync()).IsOk);

        Assert.Equal(["FlushToOs", "FlushToDisk", "flush"], driver.Last.Heard);
    }

    [Fact]
    public async Task An_event_that_nobody_takes_costs_nothing()
    {
        var driver = new ListeningDriver();
        await using var graph = new TestGraph(driver);
        await using var backend = await OpenAsync(graph, Listening, "top");
        var child = driver.Last!.Child;
        Memory<byte> buffer = new byte[512];

        Assert.Null(child.EventTarget);
        Assert.Equal(0, Allocations.Of(() => Assert.True(child.FireAsync(BlkdebugEvent.WriteAio).IsCompletedSuccessfully)));
        Assert.Equal(
            0, Allocations.Of(() => Assert.True(child.ReadAsync(BlkdebugEvent.ReadAio, 0, buffer).IsCompletedSuccessfully)));
        Assert.Equal(
            0, Allocations.Of(() => Assert.True(child.WriteAsync(BlkdebugEvent.WriteAio, 0, buffer).IsCompletedSuccessfully)));
    }

    private static async Task<IBlockBackend> OpenAsync(TestGraph graph, string options, string node)
    {
        if (!graph.Graph.TryGetNode("disk", out _))
            await graph.AddAsync(Disk);
        await graph.AddAsync(options);
        return await graph.BackendAsync(node, TestGraph.Writer);
    }
}
