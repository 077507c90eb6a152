// SPDX-License-Identifier: MIT
namespace BlockHost.Jobs.Tests.Support;

/// <summary>Time that moves when a test says so.</summary>
internal sealed class ManualClock : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private long _ticks = TimeSpan.TicksPerDay;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public int Timers
    {
        get
        {
            lock (_lock)
                return _timers.Count;
        }
    }

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    public override DateTimeOffset GetUtcNow() => new(GetTimestamp(), TimeSpan.Zero);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(
            this, () => callback(state), dueTime < TimeSpan.Zero ? long.MaxValue : GetTimestamp() + dueTime.Ticks);
        lock (_lock)
            _timers.Add(timer);
        return timer;
    }

    public void Advance(TimeSpan time)
    {
        var now = Interlocked.Add(ref _ticks, time.Ticks);
        List<ManualTimer> due;
        lock (_lock)
            due = _timers.FindAll(timer => timer.Due <= now);
        foreach (var timer in due)
        {
            timer.Dispose();
            timer.Callback();
        }
    }

    private sealed class ManualTimer(ManualClock clock, Action callback, long due) : ITimer
    {
        public long Due => due;

        public Action Callback => callback;

        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

        public void Dispose()
        {
            lock (clock._lock)
                clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
