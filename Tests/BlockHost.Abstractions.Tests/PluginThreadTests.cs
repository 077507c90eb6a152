// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Plugins;

namespace BlockHost.Abstractions.Tests;

public sealed class PluginThreadTests
{
    private readonly ThreadReserve _threads = new();

    [Fact]
    public async Task A_thread_that_has_worked_rests_and_works_again()
    {
        var first = await RunAsync(() => Environment.CurrentManagedThreadId);
        await AllRestAsync(1);

        Assert.Equal(first, await RunAsync(() => Environment.CurrentManagedThreadId));
        Assert.Equal(1, _threads.Count);
    }

    [Fact]
    public async Task What_works_at_once_has_a_thread_each()
    {
        using var together = new Barrier(3);

        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => RunAsync(() => together.SignalAndWait(TimeSpan.FromSeconds(10)))));

        Assert.Equal(3, _threads.Count);
    }

    [Fact]
    public async Task Work_sees_its_own_name_and_a_clean_context()
    {
        var context = new AsyncLocal<string?>();
        await RunAsync(() => context.Value = "left behind");
        await AllRestAsync(1);
        context.Value = "the caller's";

        Assert.Null(await RunAsync(() => context.Value));
        Assert.Equal("test-work", await RunAsync(() => Thread.CurrentThread.Name));
    }

    [Fact]
    public async Task A_thread_that_rests_keeps_nothing_of_its_work()
    {
        var work = await RunAndForgetAsync();
        await AllRestAsync(1);

        for (var round = 0; round < 100 && work.IsAlive; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(10);
        }

        Assert.False(work.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<WeakReference> RunAndForgetAsync()
    {
        var kept = new object();
        await RunAsync(kept.GetHashCode);
        return new WeakReference(kept);
    }

    private Task<T> RunAsync<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _threads.Start("test-work", () => done.SetResult(work()));
        return done.Task;
    }

    private async Task AllRestAsync(int count)
    {
        for (var round = 0; round < 2000 && _threads.Resting < count; round++)
            await Task.Delay(5);
        Assert.Equal(count, _threads.Resting);
    }
}
