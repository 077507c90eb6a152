// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.File.Engines;

namespace BlockHost.Block.File.Tests;

public sealed class InlineWritesTests
{
    private readonly FakeClock _clock = new();
    private readonly InlineWrites _writes;

    public InlineWritesTests() => _writes = new InlineWrites(_clock);

    [Fact]
    public void Quick_writes_stay_on_the_callers_thread()
    {
        for (var i = 0; i < 100; i++)
            Assert.True(WriteTaking(TimeSpan.FromMilliseconds(1)));
    }

    [Fact]
    public void After_a_slow_write_the_callers_thread_is_spared_for_a_while()
    {
        Assert.True(WriteTaking(TimeSpan.FromMilliseconds(50)));
        Assert.False(_writes.TryBegin(out _));
        _clock.Advance(TimeSpan.FromMilliseconds(99));
        Assert.False(_writes.TryBegin(out _));
        _clock.Advance(TimeSpan.FromMilliseconds(2));
        Assert.True(WriteTaking(TimeSpan.Zero));
    }

    private bool WriteTaking(TimeSpan time)
    {
        if (!_writes.TryBegin(out var started))
            return false;
        _clock.Advance(time);
        _writes.End(started);
        return true;
    }
}
