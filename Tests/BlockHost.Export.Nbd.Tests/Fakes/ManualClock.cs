// SPDX-License-Identifier: MIT
namespace BlockHost.Export.Nbd.Tests.Fakes;

/// <summary>Time whose timers fire when the test says so.</summary>
internal sealed class ManualClock : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly HashSet<ManualTimer> _timers = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, () => callback(state));
        lock (_gate)
            _timers.Add(timer);
        return timer;
    }

    public async Task WaitForTimersAsync(int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (Count() != count)
            await Task.Delay(1, limit.Token);
    }

    public void Fire()
    {
        ManualTimer[] due;
        lock (_gate)
            due = [.. _timers];
        foreach (var timer in due)
            timer.Callback();
    }

    private int Count()
    {
        lock (_gate)
            return _timers.Count;
    }

    private sealed class ManualTimer(ManualClock clock, Action callback) : ITimer
    {
        public Action Callback => callback;

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
            lock (clock._gate)
                clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
