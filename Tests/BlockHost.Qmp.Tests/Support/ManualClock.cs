// SPDX-License-Identifier: MIT
namespace BlockHost.Qmp.Tests.Support;

/// <summary>Time that moves when a test says so.</summary>
internal sealed class ManualClock(DateTimeOffset start) : TimeProvider
{
    private readonly List<ManualTimer> _timers = [];
    private DateTimeOffset _now = start;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now.UtcTicks;

    public override DateTimeOffset GetUtcNow() => _now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, () => callback(state), After(dueTime), period);
        _timers.Add(timer);
        return timer;
    }

    public void Advance(TimeSpan time)
    {
        _now += time;
        foreach (var timer in _timers.ToList())
            timer.Run(_now);
    }

    private DateTimeOffset After(TimeSpan time) => time < TimeSpan.Zero ? DateTimeOffset.MaxValue : _now + time;

    private sealed class ManualTimer(ManualClock clock, Action callback, DateTimeOffset due, TimeSpan period) : ITimer
    {
        private DateTimeOffset _due = due;

        public void Run(DateTimeOffset now)
        {
            while (_due <= now && clock._timers.Contains(this))
            {
                _due = period > TimeSpan.Zero ? _due + period : DateTimeOffset.MaxValue;
                callback();
            }
        }

        public bool Change(TimeSpan dueTime, TimeSpan newPeriod)
        {
            (_due, period) = (clock.After(dueTime), newPeriod);
            return true;
        }

        public void Dispose() => clock._timers.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
