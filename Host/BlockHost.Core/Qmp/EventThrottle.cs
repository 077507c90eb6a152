// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp;

/// <summary>
/// Holds back events that would flood clients: of those within one interval after a sent one, only the last is sent,
/// at the interval's end.
/// </summary>
internal sealed class EventThrottle(TimeProvider clock, Action<string, JsonElement?> send) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Name, string? Key), Interval> _intervals = [];

    public void Emit(QmpEvent qmpEvent, JsonElement? data)
    {
        if (qmpEvent.MinimumInterval <= TimeSpan.Zero || TrySendNow(qmpEvent, data))
            send(qmpEvent.Name, data);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var interval in _intervals.Values)
                interval.Timer.Dispose();
            _intervals.Clear();
        }
    }

    private bool TrySendNow(QmpEvent qmpEvent, JsonElement? data)
    {
        var key = (qmpEvent.Name, Key(qmpEvent, data));
        lock (_gate)
        {
            if (_intervals.TryGetValue(key, out var running))
            {
                (running.HasPending, running.Pending) = (true, data);
                return false;
            }

            var timer = clock.CreateTimer(_ => EndInterval(key), null, qmpEvent.MinimumInterval, qmpEvent.MinimumInterval);
            _intervals.Add(key, new Interval(timer));
            return true;
        }
    }

    private void EndInterval((string Name, string? Key) key)
    {
        JsonElement? data;
        lock (_gate)
        {
            if (!_intervals.TryGetValue(key, out var interval))
                return;
            if (!interval.HasPending)
            {
                interval.Timer.Dispose();
                _intervals.Remove(key);
                return;
            }

            (data, interval.HasPending, interval.Pending) = (interval.Pending, false, null);
        }

        send(key.Name, data);
    }

    private static string? Key(QmpEvent qmpEvent, JsonElement? data) =>
        qmpEvent.IntervalKey is { } member && data is { ValueKind: JsonValueKind.Object } value
            && value.TryGetProperty(member, out var key) ? key.ToString() : null;

    private sealed class Interval(ITimer timer)
    {
        public ITimer Timer => timer;

        public bool HasPending { get; set; }

        public JsonElement? Pending { get; set; }
    }
}
