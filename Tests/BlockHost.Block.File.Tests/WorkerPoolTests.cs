// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.File.Engines;

namespace BlockHost.Block.File.Tests;

public sealed class WorkerPoolTests : IAsyncLifetime
{
    private const int MaxThreads = 64;

    private readonly RequestPool _requests = new(new FlushState(_ => 0));
    private readonly WorkerPool _workers = new();

    [Fact]
    public async Task Blocked_work_does_not_hold_up_other_work_until_all_threads_are_taken()
    {
        using var gate = new ManualResetEventSlim();
        var blocked = Enumerable.Range(0, MaxThreads - 1).Select(_ => Start(() => gate.Wait())).ToArray();
        await Start(() => { }).WaitAsync(TimeSpan.FromSeconds(60));
        blocked = [.. blocked, Start(() => gate.Wait())];

        var queued = Enumerable.Range(0, 100).Select(_ => Start(() => { })).ToArray();
        await Task.Delay(50);
        Assert.All(queued, t => Assert.False(t.IsCompleted));
        Assert.Equal(MaxThreads, _workers.ThreadCount);
        gate.Set();
        await Task.WhenAll([.. blocked, .. queued]).WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task One_thread_does_all_that_comes_one_after_the_other()
    {
        // A thread that is kept from a CPU just after its work looks busy, so that another one starts: one quiet round is enough.
        var fewest = int.MaxValue;
        for (var round = 0; round < 20 && fewest > 4; round++)
        {
            await using var workers = new WorkerPool();
            for (var i = 0; i < 100; i++)
            {
                await Start(workers, () => { });
                await Task.Delay(i % 10 == 0 ? 2 : 0);
            }

            fewest = Math.Min(fewest, workers.ThreadCount);
        }

        Assert.InRange(fewest, 1, 4);
    }

    [Fact]
    public async Task No_request_is_lost_or_done_twice_under_contention()
    {
        var done = new int[2000];
        await Parallel.ForAsync(0, done.Length, new ParallelOptions { MaxDegreeOfParallelism = 200 }, async (i, _) =>
            await Start(() => Interlocked.Increment(ref done[i])));
        Assert.All(done, n => Assert.Equal(1, n));
    }

    [Fact]
    public async Task After_the_end_requests_fail_and_the_threads_are_gone()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Start(() => Thread.Sleep(5))));
        await _workers.DisposeAsync();
        Assert.Equal(0, _workers.ThreadCount);
        var e = await Assert.ThrowsAsync<BlockException>(() => Start(() => { }));
        Assert.Equal(Errno.ESHUTDOWN, e.Errno);
    }

    [Fact]
    public async Task The_errno_of_the_work_is_the_error_of_the_request()
    {
        var e = await Assert.ThrowsAsync<BlockException>(() => Start(() => { }, Errno.ENOSPC));
        Assert.Equal(BlockErrorKind.NoSpace, e.Kind);
        Assert.Equal("No space left on device", e.Message);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _workers.DisposeAsync();

    private Task Start(Action work, int errno = 0) => Start(_workers, work, errno);

    private Task Start(WorkerPool workers, Action work, int errno = 0)
    {
        var request = _requests.Rent();
        request.Prepare(
            FileOperation.Change,
            r =>
            {
                ((Action)r.State!)();
                return errno;
            },
            work,
            descriptor: -1,
            offset: 0,
            bytes: 0,
            argument: 0);
        var task = request.Task;
        workers.Enqueue(request);
        return task.AsTask();
    }
}
