// SPDX-License-Identifier: MIT
using BlockHost.Core.Memory;
using BlockHost.Qmp.Tests.Support;

namespace BlockHost.Qmp.Tests;

/// <summary>What large messages leave behind is collected once things are calm.</summary>
public sealed class GarbageTests
{
    private readonly ManualClock _clock = new(DateTimeOffset.UnixEpoch);
    private int _collections;

    [Fact]
    public void Large_messages_are_cleaned_up_after_when_no_more_come()
    {
        using var garbage = new IdleCollection(_clock, () => _collections++);
        for (var i = 0; i < 5; i++)
        {
            garbage.Note(8 << 20);
            _clock.Advance(IdleCollection.Calm / 2);
        }

        Assert.Equal(0, _collections);
        _clock.Advance(IdleCollection.Calm);
        Assert.Equal(1, _collections);

        // Twice more for what the runtime keeps a while longer, and never again.
        _clock.Advance(IdleCollection.Again);
        _clock.Advance(IdleCollection.Again);
        _clock.Advance(IdleCollection.Again);
        Assert.Equal(3, _collections);
    }

    [Fact]
    public void Small_messages_need_no_collection()
    {
        using var garbage = new IdleCollection(_clock, () => _collections++);

        garbage.Note(100_000);
        _clock.Advance(IdleCollection.Calm * 2);

        Assert.Equal(0, _collections);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64 << 10)]
    [InlineData(10 << 20)]
    public void An_array_can_be_had_again_after_its_return(int length)
    {
        for (var i = 0; i < 3; i++)
        {
            var array = ByteArrays.Rent(length);
            array.AsSpan(0, length).Fill((byte)(i + 1));
            Assert.True(array.Length >= length);
            ByteArrays.Return(array);
        }
    }

    [Fact]
    public async Task What_the_runtime_keeps_for_a_thread_that_worked_on_a_large_message_goes_with_it()
    {
        var (worker, isOfPool) = await PassingThread.RunAsync(
            () => (Thread.CurrentThread, Thread.CurrentThread.IsThreadPoolThread));

        Assert.False(isOfPool);
        Assert.NotSame(worker, Thread.CurrentThread);
        Assert.True(worker.Join(TimeSpan.FromSeconds(60)));
        await Assert.ThrowsAsync<FormatException>(() => PassingThread.RunAsync(int () => throw new FormatException()));
    }

    /// <summary>Commands are plugins' code, and a thread that has run it must not end: docs/decisions/13.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_command_of_a_large_message_runs_on_no_thread_that_ends(bool oob)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync(oob);

        Assert.Equal(
            "{\"return\": {}}",
            await client.AskAsync(
                $$$"""{"execute":"note-thread","arguments":{"value":"{{{new string('a', IdleCollection.Large)}}}"}}"""));

        Assert.True(daemon.Commands.RanOnPool);
    }
}
