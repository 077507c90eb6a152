// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Filter.Blkdebug;
using BlockHost.Plugins.Filter.Blkdebug.Rules;

namespace BlockHost.Filter.Blkdebug.Tests;

/// <summary>What an event arms, and which request a rule takes: QEMU's order, which scripts rely on.</summary>
public sealed class RuleEngineTests
{
    private readonly RuleEngine _engine = new();

    [Fact]
    public void Nothing_fails_before_the_event()
    {
        _engine.Add(Inject());

        Assert.Null(Take());
        _engine.On(BlkdebugEvent.WriteAio);
        Assert.Null(Take());
        _engine.On(BlkdebugEvent.ReadAio);
        Assert.NotNull(Take());
    }

    [Fact]
    public void A_rule_stays_armed_over_events_that_arm_nothing()
    {
        _engine.Add(Inject());
        _engine.Add(Inject() with { Event = BlkdebugEvent.WriteAio, State = 7 });
        _engine.On(BlkdebugEvent.ReadAio);

        _engine.On(BlkdebugEvent.WriteAio);

        Assert.Equal(Errno.EIO, Take()?.Errno);
    }

    [Fact]
    public void An_event_that_arms_rules_takes_back_the_others()
    {
        _engine.Add(Inject());
        _engine.Add(Inject() with { Event = BlkdebugEvent.WriteAio, Errno = Errno.ENOSPC, Type = BlkdebugIOType.Write });
        _engine.On(BlkdebugEvent.ReadAio);

        _engine.On(BlkdebugEvent.WriteAio);

        Assert.Null(Take());
        Assert.Equal(Errno.ENOSPC, Take(BlkdebugIOType.Write)?.Errno);
    }

    [Fact]
    public void Of_rules_that_fit_the_first_one_given_takes_the_request()
    {
        _engine.Add(Inject() with { Errno = Errno.ENOSPC });
        _engine.Add(Inject());
        _engine.On(BlkdebugEvent.ReadAio);

        Assert.Equal(Errno.ENOSPC, Take()?.Errno);
    }

    [Fact]
    public void All_rules_of_an_event_see_the_state_that_was()
    {
        _engine.Add(new SetStateRule(BlkdebugEvent.ReadAio, 1, 2));
        _engine.Add(new SetStateRule(BlkdebugEvent.ReadAio, 2, 3));
        _engine.Add(Inject() with { State = 2 });

        _engine.On(BlkdebugEvent.ReadAio);
        Assert.Equal(2, _engine.State);
        Assert.Null(Take());

        _engine.On(BlkdebugEvent.ReadAio);
        Assert.Equal(3, _engine.State);
        Assert.NotNull(Take());
    }

    [Fact]
    public void Of_new_states_the_first_one_given_counts()
    {
        _engine.Add(new SetStateRule(BlkdebugEvent.ReadAio, 1, 5));
        _engine.Add(new SetStateRule(BlkdebugEvent.ReadAio, 0, 6));

        _engine.On(BlkdebugEvent.ReadAio);

        Assert.Equal(5, _engine.State);
    }

    [Fact]
    public void A_rule_for_one_request_never_comes_back()
    {
        _engine.Add(Inject() with { IsOnce = true });
        _engine.On(BlkdebugEvent.ReadAio);

        Assert.NotNull(Take());
        Assert.Null(Take());
        _engine.On(BlkdebugEvent.ReadAio);
        Assert.Null(Take());
    }

    [Fact]
    public void Two_equal_rules_for_one_request_take_two()
    {
        _engine.Add(Inject() with { IsOnce = true });
        _engine.Add(Inject() with { IsOnce = true });
        _engine.On(BlkdebugEvent.ReadAio);

        Assert.NotNull(Take());
        Assert.NotNull(Take());
        Assert.Null(Take());
    }

    [Fact]
    public void A_rule_without_an_error_takes_a_request_from_those_after_it_and_lets_it_be()
    {
        _engine.Add(Inject() with { Errno = 0 });
        _engine.Add(Inject());
        _engine.On(BlkdebugEvent.ReadAio);

        Assert.Null(Take());
    }

    [Theory]
    [InlineData(0, 4096, false)]
    [InlineData(0, 4097, true)]
    [InlineData(4096, 1, true)]
    [InlineData(4096, 0, false)]
    [InlineData(4097, 4096, false)]
    public void A_sector_is_in_the_request_by_its_first_byte(long offset, long bytes, bool fails)
    {
        _engine.Add(InjectRule.From(new BlkdebugInjectErrorOptions { Event = BlkdebugEvent.ReadAio, Sector = 8 }));
        _engine.On(BlkdebugEvent.ReadAio);

        Assert.Equal(fails, _engine.Take(BlkdebugIOType.Read, offset, bytes) is not null);
    }

    [Fact]
    public void Every_kind_of_request_fails_but_questions_of_status()
    {
        _engine.Add(Inject());
        _engine.On(BlkdebugEvent.ReadAio);

        Assert.All(
            Enum.GetValues<BlkdebugIOType>(), type => Assert.Equal(type != BlkdebugIOType.BlockStatus, Take(type) is not null));
    }

    [Fact]
    public void A_kind_that_is_named_is_the_only_one_that_fails()
    {
        _engine.Add(Inject() with { Type = BlkdebugIOType.BlockStatus });
        _engine.On(BlkdebugEvent.ReadAio);

        Assert.All(
            Enum.GetValues<BlkdebugIOType>(), type => Assert.Equal(type == BlkdebugIOType.BlockStatus, Take(type) is not null));
    }

    private static InjectRule Inject() => new(BlkdebugEvent.ReadAio, State: 0);

    private InjectRule? Take(BlkdebugIOType type = BlkdebugIOType.Read) => _engine.Take(type, 0, 512);
}
