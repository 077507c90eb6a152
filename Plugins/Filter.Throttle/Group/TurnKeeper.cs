// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Plugins.Filter.Throttle.Limits;

namespace BlockHost.Plugins.Filter.Throttle.Group;

/// <summary>
/// Says which request of a group is next. For each direction one timer is set at most, and the members take turns:
/// <code>
///   a ■■■ ─┐
///   b ■    ├─► a1 b1 c1 a2 c2 a3      each when the limits let it pass
///   c ■■  ─┘
/// </code>
/// </summary>
internal sealed class TurnKeeper : IAsyncDisposable
{
    /// <summary>What a timer can tell apart; shorter waits are made up for, as a bucket that is late has leaked more.</summary>
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1);

    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private readonly Lock _gate = new();
    private readonly TimeProvider _clock;
    private readonly Lane[] _lanes;
    private readonly List<ThrottleMember> _members = [];
    private ThrottleSettings _settings;
    private ThrottleMeter _meter;
    private long _measured;
    private bool _isRetired;

    public TurnKeeper(ThrottleSettings settings, TimeProvider clock)
    {
        _clock = clock;
        _settings = settings;
        _meter = new(settings);
        _measured = clock.GetTimestamp();
        _lanes = [new(Direction.Read, this), new(Direction.Write, this)];
        Publish();
    }

    /// <summary>New limits begin with empty buckets.</summary>
    public ThrottleSettings Settings
    {
        get
        {
            lock (_gate)
                return _settings;
        }

        set
        {
            lock (_gate)
            {
                _settings = value;
                _meter = new(value);
                _measured = _clock.GetTimestamp();
                Publish();
            }

            foreach (var lane in _lanes)
                TakeTurns(lane);
        }
    }

    /// <summary>Some limit holds for requests of that direction. Takes no lock.</summary>
    public bool Limits(Direction direction) => _lanes[(int)direction].IsLimited;

    public bool TryJoin([NotNullWhen(true)] out ThrottleMember? member)
    {
        lock (_gate)
        {
            member = _isRetired ? null : new ThrottleMember(this);
            if (member is not null)
                _members.Add(member);
            return member is not null;
        }
    }

    /// <summary>False: there are members. Else there will never be one again.</summary>
    public bool TryRetire()
    {
        lock (_gate)
            return _isRetired = _members.Count == 0;
    }

    public ValueTask EnterAsync(ThrottleMember member, Direction direction, long bytes, CancellationToken cancellationToken)
    {
        Turn turn;
        lock (_gate)
        {
            Measure();
            var lane = _lanes[(int)direction];
            var wait = member.IsFree || lane.Waiting > 0 ? 0 : _meter.Wait(direction);
            if (member.IsFree || (lane.Waiting == 0 && wait == 0))
            {
                _meter.Add(direction, bytes);
                return ValueTask.CompletedTask;
            }

            turn = new Turn(bytes);
            member.Line(direction).Enqueue(turn);
            if (lane.Waiting++ == 0)
                lane.Set(InTime(wait));
        }

        return turn.WaitAsync(cancellationToken);
    }

    public void Free(ThrottleMember member)
    {
        var free = new List<Turn>();
        lock (_gate)
        {
            member.IsFree = true;
            Measure();
            foreach (var lane in _lanes)
                Empty(member, lane, free);
        }

        free.ForEach(turn => turn.Come());
    }

    public void Bind(ThrottleMember member)
    {
        lock (_gate)
            member.IsFree = false;
    }

    public void Leave(ThrottleMember member)
    {
        Free(member);
        lock (_gate)
        {
            _members.Remove(member);
            foreach (var lane in _lanes.Where(lane => lane.Last == member))
                lane.Last = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var lane in _lanes)
            await lane.Timer.DisposeAsync().ConfigureAwait(false);
    }

    private static TimeSpan InTime(double seconds)
    {
        var milliseconds = Math.Ceiling(seconds * 1000);
        return milliseconds >= LongestWait.TotalMilliseconds ? LongestWait
            : milliseconds <= ShortestWait.TotalMilliseconds ? ShortestWait
            : TimeSpan.FromMilliseconds(milliseconds);
    }

    private void TakeTurns(Lane lane)
    {
        var free = new List<Turn>();
        lock (_gate)
        {
            Measure();
            while (lane.Waiting > 0)
            {
                var next = Next(lane);
                var line = next.Line(lane.Direction);
                if (!line.Peek().IsGivenUp && _meter.Wait(lane.Direction) is > 0 and var wait)
                {
                    lane.Set(InTime(wait));
                    break;
                }

                lane.Last = next;
                Take(line.Dequeue(), lane, free);
            }
        }

        free.ForEach(turn => turn.Come());
    }

    private void Empty(ThrottleMember member, Lane lane, List<Turn> free)
    {
        while (member.Line(lane.Direction).TryDequeue(out var turn))
            Take(turn, lane, free);
    }

    private void Take(Turn turn, Lane lane, List<Turn> free)
    {
        lane.Waiting--;
        if (turn.IsGivenUp)
            return;
        _meter.Add(lane.Direction, turn.Bytes);
        free.Add(turn);
    }

    /// <summary>The first member after the last one that has a request waiting: there is one.</summary>
    private ThrottleMember Next(Lane lane)
    {
        var start = lane.Last is null ? 0 : _members.IndexOf(lane.Last) + 1;
        return Enumerable.Range(start, _members.Count).Select(i => _members[i % _members.Count])
            .First(member => member.Line(lane.Direction).Count > 0);
    }

    private void Measure()
    {
        var now = _clock.GetTimestamp();
        _meter.Leak(_clock.GetElapsedTime(_measured, now).TotalSeconds);
        _measured = now;
    }

    private void Publish()
    {
        foreach (var lane in _lanes)
            lane.IsLimited = _settings.Limits(lane.Direction);
    }

    /// <summary>One direction. All but <see cref="IsLimited"/> is guarded by the turn keeper's lock.</summary>
    private sealed class Lane
    {
        private volatile bool _isLimited;

        public Lane(Direction direction, TurnKeeper turns)
        {
            Direction = direction;
            Timer = turns._clock.CreateTimer(
                _ => turns.TakeTurns(this), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        public Direction Direction { get; }

        public ITimer Timer { get; }

        public int Waiting { get; set; }

        /// <summary>The member whose turn it was.</summary>
        public ThrottleMember? Last { get; set; }

        public bool IsLimited
        {
            get => _isLimited;
            set => _isLimited = value;
        }

        public void Set(TimeSpan wait) => Timer.Change(wait, Timeout.InfiniteTimeSpan);
    }
}
