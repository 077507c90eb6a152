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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_the_runtime_keeps_for_the_thread_of_a_large_request_goes_with_the_thread(bool oob)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync(oob);

        Assert.Equal("{\"return\": {}}", await client.AskAsync(Request(1000)));
        Assert.True(daemon.Commands.RanOn.IsPooled);

        Assert.Equal("{\"return\": {}}", await client.AskAsync(Request(IdleCollection.Large)));
        Assert.False(daemon.Commands.RanOn.IsPooled);
        Assert.True(daemon.Commands.RanOn.Thread!.Join(TimeSpan.FromSeconds(60)));

        static string Request(int length) => $$$"""{"execute":"note-thread","arguments":{"value":"{{{new string('a', length)}}}"}}""";
    }
}
