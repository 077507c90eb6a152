// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

public sealed class DrainTests
{
    [Fact]
    public async Task Nothing_is_in_flight_inside_a_drained_section_and_everything_goes_on_after()
    {
        await using var graph = new TestGraph();
        var running = 0;
        graph.Memory.BeforeRequest = async _ =>
        {
            Interlocked.Increment(ref running);
            await Task.Delay(1);
            Interlocked.Decrement(ref running);
        };
        await graph.AddAsync("{'driver':'layer','node-name':'top','file':{'driver':'memory','node-name':'file'}}");
        var file = graph.Graph.Lookup(null, "file");
        await using var backend = await graph.BackendAsync("top", TestGraph.Writer);
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            await using var queue = backend.OpenQueue();
            var done = 0;
            var buffer = new byte[700];
            while (!stop.IsCancellationRequested)
            {
                Assert.True((await queue.WriteAsync((worker * 9000) + (done % 50), buffer)).IsOk);
                done++;
            }

            return done;
        })).ToArray();

        for (var round = 0; round < 20; round++)
        {
            await Task.Delay(5);
            await using (await graph.Graph.DrainAsync(round % 2 == 0 ? file : null, CancellationToken.None))
            {
                await using var nested = await graph.Graph.DrainAsync(file, CancellationToken.None);
                Assert.Equal(0, Volatile.Read(ref running));
                Assert.Equal(1, graph.Memory.Opened.Single().DrainDepth);
                await Task.Delay(2);
                Assert.Equal(0, Volatile.Read(ref running));
            }
        }

        await stop.CancelAsync();
        Assert.All(await Task.WhenAll(load), done => Assert.True(done > 0));
        Assert.Equal(0, graph.Memory.Opened.Single().DrainDepth);
    }

    [Fact]
    public async Task A_user_that_comes_during_a_drained_section_is_held_back_too()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var section = await graph.Graph.DrainAsync(disk, CancellationToken.None);
        await using var backend = await graph.BackendAsync("disk", TestGraph.Reader);
        await using var queue = backend.OpenQueue();
        var read = queue.ReadAsync(0, new byte[512]).AsTask();
        await Task.Delay(20);
        Assert.False(read.IsCompleted);
        await section.DisposeAsync();
        Assert.True((await read).IsOk);
    }

    [Fact]
    public async Task Users_of_other_nodes_go_on()
    {
        await using var graph = new TestGraph();
        var one = await graph.AddAsync("{'driver':'memory','node-name':'one'}");
        await graph.AddAsync("{'driver':'memory','node-name':'two'}");
        await using var backend = await graph.BackendAsync("two", TestGraph.Reader);
        await using var queue = backend.OpenQueue();
        await using var section = await graph.Graph.DrainAsync(one, CancellationToken.None);
        Assert.True((await queue.ReadAsync(0, new byte[512])).IsOk);
    }

    [Fact]
    public async Task A_request_that_waits_can_be_cancelled_and_ends_with_its_backend()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var backend = await graph.BackendAsync("disk", TestGraph.Reader);
        var queue = backend.OpenQueue();
        await using (await graph.Graph.DrainAsync(disk, CancellationToken.None))
        {
            using var cancel = new CancellationTokenSource(10);
            Assert.Equal(Errno.ECANCELED, (await queue.ReadAsync(0, new byte[512], ReadFlags.None, cancel.Token)).Errno);
            var waiting = queue.ReadAsync(0, new byte[512]).AsTask();
            await backend.DisposeAsync();
            Assert.Equal(Errno.ESHUTDOWN, (await waiting).Errno);
        }

        Assert.Equal(Errno.ESHUTDOWN, (await queue.ReadAsync(0, new byte[512])).Errno);
    }

    [Fact]
    public async Task A_backend_waits_for_its_requests_before_it_goes()
    {
        await using var graph = new TestGraph();
        var hold = new TaskCompletionSource();
        graph.Memory.BeforeRequest = async _ => await hold.Task;
        await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var backend = await graph.BackendAsync("disk", TestGraph.Reader);
        var queue = backend.OpenQueue();
        var read = queue.ReadAsync(0, new byte[512]).AsTask();
        var closing = backend.DisposeAsync().AsTask();
        await Task.Delay(20);
        Assert.False(closing.IsCompleted);
        hold.SetResult();
        await closing;
        Assert.True((await read).IsOk);
    }
}
