// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;

namespace BlockHost.Core.Logging;

/// <summary>
/// The clock as a plugin, or one node of its, sees it. A timer whose callback throws is reported as the plugin's mistake, where
/// it would end the process; a timer that is left over ends with its owner, so that it neither runs nor keeps code from being
/// unloaded.
/// </summary>
internal sealed class PluginClock(TimeProvider clock, PluginFaults faults, string pluginId) : TimeProvider, IDisposable
{
    private readonly ConcurrentDictionary<Timer, bool> _timers = [];
    private volatile bool _disposed;

    public override TimeZoneInfo LocalTimeZone => clock.LocalTimeZone;

    public override long TimestampFrequency => clock.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => clock.GetUtcNow();

    public override long GetTimestamp() => clock.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        _timers.TryAdd(timer, true);
        timer.Start(dueTime, period);
        if (_disposed)
            timer.Dispose();
        return timer;
    }

    public void Dispose()
    {
        _disposed = true;
        foreach (var timer in _timers.Keys)
            timer.Dispose();
    }

    private sealed class Timer : ITimer
    {
        private readonly PluginClock _owner;
        private ITimer? _timer;
        private volatile TimerCallback? _callback;
        private volatile object? _state;

        public Timer(PluginClock owner, TimerCallback callback, object? state) =>
            (_owner, _callback, _state) = (owner, callback, state);

        public void Start(TimeSpan dueTime, TimeSpan period) =>
            _timer = _owner.Clock.CreateTimer(static timer => ((Timer)timer!).Run(), this, dueTime, period);

        public bool Change(TimeSpan dueTime, TimeSpan period) => _timer!.Change(dueTime, period);

        public void Dispose()
        {
            _timer?.Dispose();
            Forget();
        }

        public async ValueTask DisposeAsync()
        {
            await _timer!.DisposeAsync().ConfigureAwait(false);
            Forget();
        }

        /// <summary>Whoever still holds the timer does not hold the plugin's code by it.</summary>
        private void Forget()
        {
            _owner._timers.TryRemove(this, out _);
            (_callback, _state) = (null, null);
        }

        private void Run()
        {
            var (callback, state) = (_callback, _state);
            try
            {
                callback?.Invoke(state);
            }
            catch (Exception e)
            {
                _owner.Report(e);
            }
        }
    }

    private TimeProvider Clock => clock;

    private void Report(Exception e) => faults.Report(e, pluginId, "in a timer");
}
