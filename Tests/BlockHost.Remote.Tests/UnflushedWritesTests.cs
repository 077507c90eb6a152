// SPDX-License-Identifier: MIT

namespace BlockHost.Remote.Tests;

/// <summary>A flush speaks for every write before it, or says that it cannot.</summary>
public sealed class UnflushedWritesTests
{
    private readonly UnflushedWrites _writes = new();

    [Fact]
    public void A_connection_that_is_lost_with_everything_flushed_costs_nothing()
    {
        _writes.Written();
        Assert.True(_writes.Flushed(_writes.Count));
        _writes.ConnectionLost();

        Assert.True(_writes.Flushed(_writes.Count));
    }

    [Fact]
    public void One_that_is_lost_with_a_write_that_was_not_flushed_fails_one_flush()
    {
        _writes.Written();
        _writes.ConnectionLost();

        Assert.False(_writes.Flushed(_writes.Count));
        Assert.True(_writes.Flushed(_writes.Count));
    }

    [Fact]
    public void One_that_is_lost_during_the_flush_itself_fails_it()
    {
        _writes.Written();
        var count = _writes.Count;
        _writes.ConnectionLost();

        Assert.False(_writes.Flushed(count));
    }

    [Fact]
    public void A_write_that_ends_during_a_flush_is_for_the_next_one()
    {
        var count = _writes.Count;
        _writes.Written();
        Assert.True(_writes.Flushed(count));
        _writes.ConnectionLost();

        Assert.False(_writes.Flushed(_writes.Count));
    }
}
