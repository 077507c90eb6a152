// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Filter.Throttle.Group;
using BlockHost.Plugins.Filter.Throttle.Limits;

namespace BlockHost.Filter.Throttle.Tests;

/// <summary>Who may go on when, on a clock that the test moves.</summary>
public sealed class TurnKeeperTests
{
    private readonly ManualClock _clock = new();

    [Fact]
    public void Without_a_limit_a_request_goes_on_at_once_and_allocates_nothing()
    {
        var member = Join(Keeper(new()));

        Assert.Equal(0, Allocations.Of(Enter));

        void Enter() => Assert.True(member.EnterAsync(Direction.Write, 4096, default).IsCompletedSuccessfully);
    }

    /// <summary>The bucket holds a tenth of a second's worth; who finds it full and no more still passes.</summary>
    [Fact]
    public void A_tenth_of_a_second_is_given_in_advance_and_then_the_average()
    {
        var load = new Load(Join(Keeper(new() { IopsTotal = 100 })), Direction.Read, bytes: 512);

        Assert.Equal(11, load.Run());
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(111, load.Run());
        Advance(load, TimeSpan.FromSeconds(100));
        Assert.Equal(10_111, load.Run());
    }

    /// <summary>The example of QEMU's documentation: 2000 a second for about a minute, then 100 a second.</summary>
    [Fact]
    public void A_burst_goes_at_its_own_rate_for_its_length()
    {
        var load = new Load(
            Join(Keeper(new() { IopsTotal = 100, IopsTotalMax = 2000, IopsTotalMaxLength = 60 })), Direction.Write, bytes: 512);

        Advance(load, TimeSpan.FromSeconds(60));
        Assert.InRange(load.Done, 120_000, 120_300);
        Advance(load, TimeSpan.FromSeconds(10));
        var after = load.Done;
        Advance(load, TimeSpan.FromSeconds(10));
        Assert.InRange(load.Done - after, 999, 1001);
        // What a burst has used up comes back while nobody asks.
        _clock.Advance(TimeSpan.FromSeconds(1200));
        var rested = load.Done;
        Advance(load, TimeSpan.FromSeconds(10));
        Assert.InRange(load.Done - rested, 20_000, 20_500);
    }

    [Fact]
    public void A_burst_without_a_length_is_one_seconds_worth()
    {
        var load = new Load(Join(Keeper(new() { BpsRead = 1000, BpsReadMax = 5000 })), Direction.Read, bytes: 100);

        Assert.Equal(51, load.Run());
    }

    [Fact]
    public void A_large_request_passes_whole_and_the_next_one_waits_for_it()
    {
        var member = Join(Keeper(new() { BpsTotal = 1000 }));

        Assert.True(Enter(member, 10_000).IsCompleted);
        var next = Enter(member, 1);
        _clock.Advance(TimeSpan.FromSeconds(9.8));
        Assert.False(next.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(next.IsCompleted);
    }

    [Fact]
    public void A_request_larger_than_the_iops_size_counts_as_several()
    {
        var member = Join(Keeper(new() { IopsTotal = 256, IopsSize = 4096 }));

        Assert.True(Enter(member, 1 << 20).IsCompleted);
        var next = Enter(member, 1 << 20);
        _clock.Advance(TimeSpan.FromSeconds(0.8));
        Assert.False(next.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(next.IsCompleted);
    }

    [Fact]
    public void Reads_and_writes_have_limits_of_their_own_or_share_one()
    {
        var apart = Join(Keeper(new() { IopsRead = 10 }));
        while (Enter(apart, 1).IsCompleted)
        {
        }

        Assert.True(Enter(apart, 1, Direction.Write).IsCompleted);

        var together = Join(Keeper(new() { IopsTotal = 10 }));
        while (Enter(together, 1).IsCompleted)
        {
        }

        Assert.False(Enter(together, 1, Direction.Write).IsCompleted);
    }

    [Fact]
    public void Members_take_turns_whatever_each_has_waiting()
    {
        var keeper = Keeper(new() { IopsTotal = 10 });
        var members = new[] { Join(keeper), Join(keeper), Join(keeper) };
        Enter(members[0], 1);
        Enter(members[0], 1);
        var waiting = members.Select((member, i) => Enumerable.Range(0, 20 * (i + 1)).Select(_ => Enter(member, 1)).ToList())
            .ToList();

        for (var second = 1; second <= 6; second++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            var done = waiting.Select(tasks => tasks.Count(task => task.IsCompleted)).ToList();
            Assert.InRange(done.Max() - done.Min(), 0, 1);
            Assert.All(
                waiting, tasks => Assert.Equal(tasks.TakeWhile(task => task.IsCompleted), tasks.Where(task => task.IsCompleted)));
        }

        // The first two have nothing left to do in time: the third has all the rest.
        _clock.Advance(TimeSpan.FromSeconds(6));
        Assert.All(waiting.SelectMany(tasks => tasks), task => Assert.True(task.IsCompleted));
    }

    [Fact]
    public void A_member_whose_limits_are_lifted_does_not_wait_and_others_still_do()
    {
        var keeper = Keeper(new() { IopsTotal = 10 });
        var (drained, other) = (Join(keeper), Join(keeper));
        while (Enter(drained, 1).IsCompleted)
        {
        }

        var (waiting, others) = (Enter(drained, 1), Enter(other, 1));
        drained.LiftLimits();

        Assert.True(waiting.IsCompleted);
        Assert.True(Enter(drained, 1).IsCompleted);
        Assert.False(others.IsCompleted);
        drained.RestoreLimits();
        Assert.False(Enter(drained, 1).IsCompleted);
        // What passed meanwhile counts all the same.
        _clock.Advance(TimeSpan.FromMilliseconds(300));
        Assert.False(others.IsCompleted);
        _clock.Advance(TimeSpan.FromMilliseconds(300));
        Assert.True(others.IsCompleted);
    }

    [Fact]
    public void New_limits_hold_for_those_who_wait()
    {
        var keeper = Keeper(new() { IopsTotal = 1 });
        var member = Join(keeper);
        var all = Enumerable.Range(0, 100).Select(_ => Enter(member, 1)).ToList();
        Assert.InRange(all.Count(task => task.IsCompleted), 1, 2);

        keeper.Settings = ThrottleSettings.None.With(new() { IopsTotal = 100 });
        _clock.Advance(TimeSpan.FromSeconds(0.5));
        Assert.InRange(all.Count(task => task.IsCompleted), 50, 70);

        keeper.Settings = ThrottleSettings.None;
        Assert.All(all, task => Assert.True(task.IsCompleted));
    }

    [Fact]
    public async Task A_client_that_gives_up_waits_no_longer_and_does_not_count()
    {
        var member = Join(Keeper(new() { IopsTotal = 10 }));
        while (Enter(member, 1).IsCompleted)
        {
        }

        using var cancellation = new CancellationTokenSource();
        var given = Enumerable.Range(0, 50).Select(_ => member.EnterAsync(Direction.Read, 1, cancellation.Token).AsTask())
            .ToList();
        var last = Enter(member, 1);
        await cancellation.CancelAsync();

        foreach (var task in given)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        _clock.Advance(TimeSpan.FromSeconds(0.3));
        Assert.True(last.IsCompleted);
    }

    [Fact]
    public void A_member_that_leaves_lets_its_requests_go_and_the_others_go_on()
    {
        var keeper = Keeper(new() { IopsTotal = 10 });
        var (leaving, staying) = (Join(keeper), Join(keeper));
        while (Enter(leaving, 1).IsCompleted)
        {
        }

        var (first, second) = (Enter(leaving, 1), Enter(staying, 1));
        leaving.Leave();

        Assert.True(first.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(second.IsCompleted);
    }

    [Fact]
    public void A_group_with_members_cannot_be_deleted_and_a_deleted_one_takes_none()
    {
        var keeper = Keeper(new());
        var member = Join(keeper);

        Assert.False(keeper.TryRetire());
        member.Leave();
        Assert.True(keeper.TryRetire());
        Assert.False(keeper.TryJoin(out _));
    }

    private static ThrottleMember Join(TurnKeeper keeper)
    {
        Assert.True(keeper.TryJoin(out var member));
        return member;
    }

    private static Task Enter(ThrottleMember member, long bytes, Direction direction = Direction.Read) =>
        member.EnterAsync(direction, bytes, default).AsTask();

    private TurnKeeper Keeper(ThrottleLimits limits) => new(ThrottleSettings.None.With(limits).Checked(), _clock);

    private void Advance(Load load, TimeSpan by)
    {
        for (var passed = TimeSpan.Zero; passed < by; passed += TimeSpan.FromMilliseconds(10))
        {
            load.Run();
            _clock.Advance(TimeSpan.FromMilliseconds(10));
        }

        load.Run();
    }

    /// <summary>A client with some requests under way all the time.</summary>
    private sealed class Load(ThrottleMember member, Direction direction, long bytes)
    {
        private const int Depth = 256;

        private readonly Queue<Task> _underWay = new();

        public int Done { get; private set; }

        /// <summary>Takes what is done, asks for as much again, until nothing more is done at once.</summary>
        public int Run()
        {
            while (true)
            {
                for (; _underWay.TryPeek(out var first) && first.IsCompleted; Done++)
                    _underWay.Dequeue();
                if (_underWay.Count == Depth)
                    return Done;
                while (_underWay.Count < Depth)
                    _underWay.Enqueue(member.EnterAsync(direction, bytes, default).AsTask());
            }
        }
    }
}
