// SPDX-License-Identifier: MIT
using BlockHost.Core.Block;
using BlockHost.Plugins;

namespace BlockHost.Graph.Tests;

/// <summary>The pool keeps what is in use, and gives the rest back.</summary>
public sealed class IoBufferPoolTests
{
    private const int MiB = 1 << 20;

    private readonly TimerClock _clock = new();

    [Fact]
    public void Buffers_that_nobody_needs_from_one_look_to_the_next_go_back()
    {
        var memory = new MemoryBudget();
        using var pool = new IoBufferPool(_clock, memory);
        RentAndReturn(pool, MiB, 10);
        Assert.InRange(memory.Used, 10 * MiB, 11 * MiB);

        // Since the last look all ten were in use at once; then only two.
        _clock.Fire();
        Assert.Equal(10L * MiB, pool.FreeBytes);
        RentAndReturn(pool, MiB, 2);
        _clock.Fire();
        Assert.Equal(2L * MiB, pool.FreeBytes);
        _clock.Fire();

        Assert.Equal((0L, 0L), (pool.FreeBytes, memory.Used));
        Assert.False(_clock.IsArmed);
    }

    [Fact]
    public void A_buffer_too_large_to_be_kept_goes_back_at_once()
    {
        var memory = new MemoryBudget();
        using var pool = new IoBufferPool(_clock, memory);

        using (pool.Rent(64 * MiB))
            Assert.True(memory.Used >= 64 * MiB);

        Assert.Equal(0, memory.Used);
    }

    [Fact]
    public void Nothing_is_kept_while_memory_is_short()
    {
        var memory = new MemoryBudget(limit: MiB);
        using var pool = new IoBufferPool(_clock, memory);

        RentAndReturn(pool, MiB, 3);

        Assert.Equal((0L, 0L), (pool.FreeBytes, memory.Used));
    }

    [Fact]
    public void A_budget_refuses_what_is_not_left_and_takes_nothing_then()
    {
        var memory = new MemoryBudget(limit: 100);

        Assert.True(memory.TryTake(60));
        Assert.False(memory.TryTake(41));
        Assert.True(memory.TryTake(40));
        Assert.True(memory.IsShort);
        memory.Take(10);
        memory.GiveBack(60);

        Assert.Equal((50L, false), (memory.Used, memory.IsShort));
    }

    private static void RentAndReturn(IoBufferPool pool, int length, int count)
    {
        var buffers = Enumerable.Range(0, count).Select(_ => pool.Rent(length)).ToList();
        buffers.ForEach(buffer => buffer.Memory.Span.Fill(1));
        buffers.ForEach(buffer => buffer.Dispose());
    }

    /// <summary>One timer, which fires when the test says so.</summary>
    private sealed class TimerClock : TimeProvider, ITimer
    {
        private Action? _callback;

        public bool IsArmed { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _callback = () => callback(state);
            Change(dueTime, period);
            return this;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => IsArmed = dueTime >= TimeSpan.Zero;

        public void Fire()
        {
            Assert.True(IsArmed);
            IsArmed = false;
            _callback!();
        }

        public void Dispose() => IsArmed = false;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
