// SPDX-License-Identifier: MIT

namespace BlockHost.Block.File.Tests;

/// <summary>Counts the whole process's allocations: the fewer tests run meanwhile, the fewer rounds it takes.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}

/// <summary>The steady state of the data path makes no garbage.</summary>
[Collection(Alone.Name)]
public sealed class AllocationTests : IDisposable
{
    private const int Block = 4096;
    private const int Blocks = 64;
    private const int Requests = 100;
    private const int Rounds = 50;
    private const long Allowed = 50 * Requests;

    private readonly FileFixture _files = new();

    [Fact]
    public async Task Cached_reads_and_buffered_writes_complete_at_once_and_allocate_nothing()
    {
        await using var node = await _files.OpenAsync(_files.CreateData(Block * Blocks));
        var buffer = new byte[Block];
        var vector = new IoVector();
        vector.Add(new byte[Block / 2]);
        vector.Add(GC.AllocateArray<byte>(Block / 2, pinned: true));

        Assert.Equal(0, Allocations.Of(() =>
        {
            for (var i = 0; i < Blocks; i += 5)
            {
                var offset = (long)(i * 7 % Blocks) * Block;
                Finish(node.ReadAsync(offset, buffer, ReadFlags.None, default));
                Finish(node.ReadAsync(offset, vector, ReadFlags.None, default));
                Finish(node.WriteAsync(offset, buffer, WriteFlags.None, default));
                Finish(node.WriteAsync(offset, vector, WriteFlags.None, default));
            }
        }));
    }

    [Theory]
    [InlineData("threads", true)]
    [InlineData("native", true)]
    [InlineData("io_uring", true)]
    [InlineData("io_uring", false)]
    public async Task Requests_that_go_through_an_engine_are_reused(string aio, bool direct)
    {
        var path = _files.CreateFile(Block * Blocks);
        await using var node = await _files.OpenAsync(path, $"\"aio\":\"{aio}\"", flags: f => f.Direct = direct);
        var memory = ReadWriteTests.Aligned(new byte[Block]);

        // A durable write always takes the engine's way.
        async Task<long> MeasureAsync()
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            for (var i = 0; i < Requests; i++)
                await node.WriteAsync(
                    (long)(i % Blocks) * Block, memory, direct ? WriteFlags.None : WriteFlags.Fua, default).ConfigureAwait(false);
            return GC.GetTotalAllocatedBytes(precise: true) - before;
        }

        // The runtime's own threads are counted too, so one quiet round is enough: garbage of the requests shows in every one.
        var least = long.MaxValue;
        for (var round = 0; round < Rounds && least > Allowed; round++)
            least = Math.Min(least, await MeasureAsync());
        Assert.True(least <= Allowed, $"{least} bytes for {Requests} requests");
    }

    public void Dispose() => _files.Dispose();

    private static void Finish(ValueTask task)
    {
        Assert.True(task.IsCompletedSuccessfully, "not completed on the caller's thread");
        task.GetAwaiter().GetResult();
    }
}
