// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Engines;

namespace BlockHost.Block.File.Tests;

public sealed class FlushTests : IDisposable
{
    private readonly FileFixture _files = new();

    [Theory]
    [InlineData("threads", false)]
    [InlineData("native", true)]
    [InlineData("io_uring", true)]
    public async Task A_flush_has_work_only_after_a_change(string aio, bool direct)
    {
        await using var node = await _files.OpenAsync(
            _files.CreateFile(1 << 20), $"\"aio\":\"{aio}\"", flags: f => f.Direct = direct);
        var data = ReadWriteTests.Aligned(new byte[8192]);
        var vector = new IoVector();
        vector.Add(data[..4096]);
        vector.Add(data[4096..]);
        Func<ValueTask>[] changes =
        [
            () => default, // a file starts dirty
            () => node.WriteAsync(0, data, WriteFlags.None, default),
            () => node.WriteAsync(0, vector, WriteFlags.None, default),
            () => node.WriteAsync(0, ReadWriteTests.Aligned(new byte[512 * 1024]), WriteFlags.None, default),
            () => node.WriteAsync(0, data, WriteFlags.Fua, default),
            () => node.WriteZeroesAsync(0, 4096, ZeroFlags.None, default),
            () => node.DiscardAsync(0, 4096, default),
            () => ((IResizable)node).ResizeAsync(2 << 20, new ResizeOptions(), default),
        ];
        foreach (var change in changes)
        {
            await change();
            Assert.False(FlushState(node).IsClean);
            await node.FlushAsync(default);
            Assert.True(FlushState(node).IsClean);
            Assert.True(node.FlushAsync(default).IsCompletedSuccessfully);
        }
    }

    [Fact]
    public async Task Reading_leaves_a_file_clean()
    {
        await using var node = await _files.OpenAsync(_files.CreateData(8192));
        await node.FlushAsync(default);
        await node.ReadAsync(0, new byte[8192], ReadFlags.None, default);
        await node.GetStatusAsync(0, 8192, StatusPrecision.WantZero, default);
        Assert.True(FlushState(node).IsClean);
    }

    [Fact]
    public async Task Where_flushes_may_be_left_out_they_are()
    {
        await using var node = await _files.OpenAsync(_files.CreateFile(4096), flags: f => f.NoFlush = true);
        await node.WriteAsync(0, new byte[512], WriteFlags.Fua, default);
        Assert.True(node.FlushAsync(default).IsCompletedSuccessfully);
    }

    [Fact]
    public void After_a_failed_flush_every_flush_of_cached_data_fails()
    {
        var answers = new Queue<int>([Errno.EIO, 0, 0]);
        var flushes = new FlushState(_ => answers.Dequeue());
        Assert.Equal(Errno.EIO, flushes.Flush(0, direct: false));
        Assert.False(flushes.IsClean);
        Assert.Equal(Errno.EIO, flushes.Flush(0, direct: false));
        flushes.Written();
        Assert.Equal(Errno.EIO, flushes.Flush(0, direct: false));
    }

    [Fact]
    public void A_failed_flush_of_direct_data_can_be_tried_again()
    {
        var answers = new Queue<int>([Errno.EIO, 0]);
        var flushes = new FlushState(_ => answers.Dequeue());
        Assert.Equal(Errno.EIO, flushes.Flush(0, direct: true));
        Assert.False(flushes.IsClean);
        Assert.Equal(0, flushes.Flush(0, direct: true));
        Assert.True(flushes.IsClean);
    }

    [Fact]
    public void A_change_during_a_flush_is_left_for_the_next()
    {
        FlushState? flushes = null;
        var calls = 0;
        flushes = new FlushState(_ =>
        {
            if (calls++ == 0)
                flushes!.Written();
            return 0;
        });
        Assert.Equal(0, flushes.Flush(0, direct: false));
        Assert.False(flushes.IsClean);
        Assert.Equal(0, flushes.Flush(0, direct: false));
        Assert.True(flushes.IsClean);
        Assert.Equal(2, calls);
    }

    [Fact]
    public async Task Nobody_is_told_of_success_while_the_flush_that_covers_him_is_under_way()
    {
        using var entered = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        var calls = 0;
        var flushes = new FlushState(_ =>
        {
            Interlocked.Increment(ref calls);
            entered.Set();
            gate.Wait();
            return 0;
        });
        var first = Task.Run(() => flushes.Flush(0, direct: false));
        entered.Wait();
        Assert.False(flushes.IsClean);
        var second = Task.Run(() => flushes.Flush(0, direct: false));
        await Task.Delay(30);
        Assert.False(second.IsCompleted);
        gate.Set();
        Assert.All(await Task.WhenAll(first, second).WaitAsync(TimeSpan.FromSeconds(60)), errno => Assert.Equal(0, errno));
        Assert.Equal(1, calls);
    }

    public void Dispose() => _files.Dispose();

    private static FlushState FlushState(BlockNode node) => ((Plugins.Block.File.PosixNode)node).Flushes;
}
