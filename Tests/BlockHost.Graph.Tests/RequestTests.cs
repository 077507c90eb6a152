// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

/// <summary>What the host does to requests that a driver could not take as they are.</summary>
public sealed class RequestTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(512, 1)]
    [InlineData(4096, 1)]
    [InlineData(512, 4096)]
    public async Task Overlapping_unaligned_writes_equal_some_order_of_them(int alignment, int memoryAlignment)
    {
        await using var graph = new TestGraph();
        var limits = new BlockLimits { RequestAlignment = alignment, MemoryAlignment = memoryAlignment, MaxTransfer = 16384 };
        graph.Memory.Shape = profile => profile with { Limits = limits };
        graph.Memory.BeforeRequest = async _ => await Task.Yield();
        await graph.AddAsync("{'driver':'memory','node-name':'disk','size':65536}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        var random = new Random(alignment + memoryAlignment);
        var model = new byte[65536];

        // Each writer has bytes of its own, interleaved with the others' inside every block: whatever the order, each byte has
        // one right value.
        const int writers = 8;
        await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            await using var queue = backend.OpenQueue();
            var own = new Random(writer);
            for (var i = 0; i < 100; i++)
            {
                var length = own.Next(1, 900);
                var slot = own.Next(0, 65536 / (writers * 1000));
                var offset = ((slot * writers) + writer) * 1000 + own.Next(0, 100);
                var data = new byte[length];
                own.NextBytes(data);
                Assert.True((await queue.WriteAsync(offset, data)).IsOk);
                data.CopyTo(model, offset);
            }
        })));

        await using var reader = backend.OpenQueue();
        var read = new byte[65536];
        Assert.True((await reader.ReadAsync(0, read)).IsOk);
        Assert.Equal(model, read);
        Assert.Equal(0, graph.Buffers.Outstanding);
    }

    [Fact]
    public async Task Reads_of_any_offset_and_length_give_the_stored_bytes()
    {
        await using var graph = new TestGraph();
        graph.Memory.Shape = profile =>
            profile with { Limits = new BlockLimits { RequestAlignment = 512, MaxTransfer = 4096, MemoryAlignment = 512 } };
        await graph.AddAsync("{'driver':'memory','node-name':'disk','size':65536}");
        var node = graph.Memory.Opened.Single();
        new Random(1).NextBytes(node.Bytes);
        await using var backend = await graph.BackendAsync("disk", TestGraph.Reader);
        await using var queue = backend.OpenQueue();
        var random = new Random(2);
        for (var i = 0; i < 200; i++)
        {
            var offset = random.Next(65536);
            var read = new byte[random.Next(Math.Min(20000, 65536 - offset)) + 1];
            var split = random.Next(read.Length);
            var vector = new IoVector();
            vector.Add(read.AsMemory(0, split));
            vector.Add(read.AsMemory(split));
            Assert.True((await queue.ReadAsync(offset, vector.All)).IsOk);
            Assert.Equal(node.Bytes[offset..(offset + read.Length)], read);
        }

        Assert.Equal(0, graph.Buffers.Outstanding);
    }

    [Theory]
    [InlineData(-1, 512)]
    [InlineData(65536, 1)]
    [InlineData(65000, 1000)]
    [InlineData(long.MaxValue, 512)]
    public async Task Requests_out_of_bounds_are_refused_and_counted(long offset, int bytes)
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk','size':65536}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        Assert.Equal(Errno.EIO, (await queue.ReadAsync(offset, new byte[bytes])).Errno);
        Assert.Equal(Errno.EIO, (await queue.WriteAsync(offset, new byte[bytes])).Errno);
        Assert.Equal(Errno.EIO, (await queue.WriteZeroesAsync(offset, bytes)).Errno);
        Assert.Equal(Errno.EIO, (await queue.DiscardAsync(offset, bytes)).Errno);
        Assert.Equal(
            (1, 2, 1),
            (backend.Stats.InvalidReadOperations, backend.Stats.InvalidWriteOperations, backend.Stats.InvalidUnmapOperations));
        Assert.Equal(0, graph.Memory.Opened.Single().Reads + graph.Memory.Opened.Single().Writes);
    }

    [Fact]
    public async Task Compressed_writes_reach_only_drivers_that_compress()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk','size':65536}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        Assert.Equal(Errno.ENOTSUP, (await queue.WriteAsync(0, new byte[4096], WriteFlags.Compressed)).Errno);
        Assert.Equal(0, graph.Memory.Opened.Single().Writes);
    }

    [Fact]
    public async Task Statistics_count_every_request_and_byte()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk','size':65536,'discard':'unmap'}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using (var queue = backend.OpenQueue())
        {
            for (var i = 0; i < 20; i++)
                await queue.ReadAsync(i, new byte[100]);
            graph.Memory.BeforeRequest = async _ => await Task.Delay(1);
            for (var i = 0; i < 3; i++)
                await queue.WriteAsync(i, new byte[1000]);
            await queue.FlushAsync();
            await queue.DiscardAsync(0, 4096);
        }

        var stats = backend.Stats;
        Assert.Equal((20, 2000), (stats.ReadOperations, stats.ReadBytes));
        Assert.Equal((3, 3000), (stats.WriteOperations, stats.WriteBytes));
        Assert.Equal((1, 1, 4096), (stats.FlushOperations, stats.UnmapOperations, stats.UnmapBytes));
        Assert.True(stats is { ReadTotalTimeNs: > 0, WriteTotalTimeNs: > 0, IdleTimeNs: >= 0 }, stats.ToString());
    }

    [Fact]
    public async Task An_error_of_the_driver_is_an_answer()
    {
        await using var graph = new TestGraph();
        graph.Memory.BeforeRequest = _ => throw new BlockException(BlockErrorKind.NoSpace, "full");
        await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        Assert.Equal(Errno.ENOSPC, (await queue.WriteAsync(0, new byte[512])).Errno);
        graph.Memory.BeforeRequest = _ => throw new InvalidOperationException("a mistake of the driver");
        Assert.Equal(Errno.EIO, (await queue.ReadAsync(0, new byte[512])).Errno);
        Assert.Equal((1, 1), (backend.Stats.FailedWriteOperations, backend.Stats.FailedReadOperations));
    }

    [Fact]
    public async Task Durable_writes_flush_where_the_driver_has_no_such_write()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var node = graph.Memory.Opened.Single();
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        await queue.WriteAsync(0, new byte[512], WriteFlags.Fua);
        await queue.WriteZeroesAsync(0, 512, ZeroFlags.Fua);
        Assert.Equal(2, node.Flushes);
        await using var through = await graph.BackendAsync("disk", TestGraph.Writer with { WriteThrough = true });
        await using var throughQueue = through.OpenQueue();
        await throughQueue.WriteAsync(0, new byte[512]);
        Assert.Equal(3, node.Flushes);
    }

    [Fact]
    public async Task Flushes_are_left_out_of_storage_with_no_flush()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk','cache':{'no-flush':true}}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        Assert.True((await queue.FlushAsync()).IsOk);
        Assert.Equal(0, graph.Memory.Opened.Single().Flushes);
    }

    [Fact]
    public async Task Zeroes_go_to_the_driver_in_its_own_alignment_and_are_written_where_it_refuses()
    {
        await using var graph = new TestGraph();
        graph.Memory.Shape = profile => profile with
        {
            WriteZeroes = Support.Native,
            Limits = new BlockLimits { RequestAlignment = 512, WriteZeroesAlignment = 4096, MaxWriteZeroes = 8192 },
        };
        await graph.AddAsync("{'driver':'memory','node-name':'disk','size':65536}");
        var node = graph.Memory.Opened.Single();
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();

        node.Bytes.AsSpan().Fill(1);
        Assert.True((await queue.WriteZeroesAsync(700, 20000)).IsOk);
        Assert.Equal([(1024, 3072), (4096, 8192), (12288, 8192)], node.Zeroed);
        CheckZeroes(700, 20000);

        node.Bytes.AsSpan().Fill(1);
        node.ZeroesNotSupported = true;
        Assert.True((await queue.WriteZeroesAsync(700, 20000)).IsOk);
        CheckZeroes(700, 20000);
        Assert.Equal(Errno.ENOTSUP, (await queue.WriteZeroesAsync(0, 4096, ZeroFlags.NoFallback)).Errno);

        void CheckZeroes(int start, int length)
        {
            Assert.True(node.Bytes.AsSpan(start, length).IndexOfAnyExcept((byte)0) < 0);
            Assert.Equal(1, node.Bytes[start - 1]);
            Assert.Equal(1, node.Bytes[start + length]);
        }
    }

    [Fact]
    public async Task Zeroes_written_as_data_become_zeroes_where_they_are_looked_for()
    {
        await using var graph = new TestGraph();
        graph.Memory.Shape = profile => profile with { WriteZeroes = Support.Native };
        await graph.AddAsync("{'driver':'memory','node-name':'disk','discard':'unmap','detect-zeroes':'unmap'}");
        var node = graph.Memory.Opened.Single();
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        Assert.True((await queue.WriteAsync(4096, new byte[4096])).IsOk);
        Assert.True((await queue.WriteAsync(4096, new byte[] { 0, 1 })).IsOk);
        Assert.Equal([(4096, 4096)], node.Zeroed);
        Assert.Equal(1, node.Writes);
    }

    [Theory]
    [InlineData("unmap", 1)]
    [InlineData("ignore", 0)]
    public async Task Discards_are_cut_to_whole_blocks_and_dropped_where_the_user_wants_none(string discard, int calls)
    {
        await using var graph = new TestGraph();
        graph.Memory.Shape = profile => profile with { Limits = new BlockLimits { RequestAlignment = 512 } };
        await graph.AddAsync($"{{'driver':'memory','node-name':'disk','discard':'{discard}'}}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        Assert.True((await queue.DiscardAsync(100, 2000)).IsOk);
        Assert.Equal(calls, graph.Memory.Opened.Single().Discarded.Count);
        if (calls == 1)
            Assert.Equal((512, 1536), graph.Memory.Opened.Single().Discarded[0]);
    }

    [Fact]
    public async Task Only_a_user_that_may_grow_a_growable_node_writes_past_its_end()
    {
        await using var graph = new TestGraph();
        graph.Memory.Shape = profile => profile with { Growable = true };
        await graph.AddAsync("{'driver':'memory','node-name':'disk','size':4096}");
        var tool = new BackendOptions
        {
            Permissions = new(
            BlockPermissions.ConsistentRead | BlockPermissions.Write | BlockPermissions.Resize, BlockPermissions.All)
        };
        await using (var fixedSize = await graph.BackendAsync("disk", tool))
        await using (var queue = fixedSize.OpenQueue())
            Assert.Equal(Errno.EIO, (await queue.WriteAsync(4096, new byte[10])).Errno);
        await using var growing = await graph.BackendAsync("disk", tool with { AllowGrow = true });
        await using var growingQueue = growing.OpenQueue();
        Assert.True((await growingQueue.WriteAsync(5000, new byte[] { 1, 2 })).IsOk);
        Assert.Equal(5002, growing.Length);
        var read = new byte[1000];
        Assert.True((await growingQueue.ReadAsync(4002, read)).IsOk);
        Assert.Equal(2, read[^1]);
    }

    [Theory]
    [InlineData(Concurrency.Parallel, 8)]
    [InlineData(Concurrency.SerializeNode, 1)]
    [InlineData(Concurrency.SerializeDriver, 1)]
    public async Task A_driver_gets_no_more_requests_at_once_than_it_says(Concurrency concurrency, int most)
    {
        var (arrived, all) = (0, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var driver = new MemoryDriver
        {
            Name = "gated",
            NodeConcurrency = concurrency,
            BeforeRequest = _ => new ValueTask(
            Interlocked.Increment(ref arrived) < most ? all.Task : Release())
        };
        await using var gated = new TestGraph(driver);
        await gated.AddAsync("{'driver':'gated','node-name':'disk'}");
        await using var backend = await gated.BackendAsync("disk", TestGraph.Reader);
        await using var queue = backend.OpenQueue();
        var reads = Enumerable.Range(0, 8).Select(i => queue.ReadAsync(i * 512, new byte[512]).AsTask()).ToArray();
        Assert.All(await Task.WhenAll(reads), status => Assert.True(status.IsOk));
        Assert.Equal(most, driver.Opened.Single().MostAtOnce);

        async Task Release()
        {
            await Task.Yield();
            all.TrySetResult();
        }
    }

    [Fact]
    public async Task A_write_beyond_the_threshold_is_told_once()
    {
        await using var graph = new TestGraph();
        var disk = await graph.AddAsync("{'driver':'memory','node-name':'disk','size':65536}");
        disk.WriteThreshold = 4096;
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        await queue.WriteAsync(0, new byte[4096]);
        Assert.Empty(graph.Events);
        await queue.WriteAsync(4000, new byte[1000]);
        await queue.WriteAsync(8000, new byte[1000]);
        var (name, data) = Assert.Single(graph.Events);
        Assert.Equal("BLOCK_WRITE_THRESHOLD", name);
        Assert.Equal("""{"node-name":"disk","amount-exceeded":904,"write-threshold":4096}""", data.GetRawText());
        Assert.Equal(0, disk.WriteThreshold);
        Assert.Equal(9000, disk.WriteHighWater);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public async Task A_failed_request_is_told_to_monitors_where_the_user_of_the_backend_wants_it(bool reportErrors, int events)
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk','size':65536}");
        graph.Memory.BeforeRequest = _ => throw new BlockException(BlockErrorKind.NoSpace, "No space left on device");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer with { ReportErrors = reportErrors });
        await using var queue = backend.OpenQueue();

        Assert.Equal(Errno.ENOSPC, (await queue.WriteAsync(0, new byte[512])).Errno);

        Assert.Equal(events, graph.Events.Count);
        foreach (var (name, data) in graph.Events)
        {
            Assert.Equal("BLOCK_IO_ERROR", name);
            Assert.Equal(
                """{"device":"","node-name":"disk","operation":"write","action":"report","nospace":true,"reason":"No space left on device"}""",
                data.GetRawText());
        }
    }
}
