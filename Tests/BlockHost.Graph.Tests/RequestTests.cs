// SPDX-License-Identifier: MIT
using BlockHost.Block;
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
        graph.Memory.Shape = profile => profile with { Limits = new BlockLimits { RequestAlignment = alignment, MemoryAlignment = memoryAlignment, MaxTransfer = 16384 } };
        graph.Memory.BeforeRequest = async _ => await Task.Yield();
        await graph.AddAsync("{'driver':'memory','node-name':'disk','size':65536}");
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        var random = new Random(alignment + memoryAlignment);
        var model = new byte[65536];

        // Each writer has bytes of its own, interleaved with the others' inside every block: whatever the order, each byte has one right value.
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
}
