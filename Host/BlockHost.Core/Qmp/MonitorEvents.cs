// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using System.Text.Json;
using BlockHost.Core.Qmp.Output;
using BlockHost.Core.Qmp.Sessions;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp;

/// <summary>Hands events to all monitors.</summary>
public sealed class MonitorEvents : IQmpEvents, IDisposable
{
    private readonly TimeProvider _clock;
    private readonly EventThrottle _throttle;
    private ImmutableList<MonitorSession> _sessions = [];

    public MonitorEvents(TimeProvider clock)
    {
        _clock = clock;
        _throttle = new EventThrottle(clock, Send);
    }

    /// <summary>Sees every event as it is sent, for logs and tests of the host.</summary>
    public event Action<string, JsonElement?>? Emitted;

    public void Emit<T>(QmpEvent<T> qmpEvent, T data) => _throttle.Emit(qmpEvent, qmpEvent.Serialize(data));

    public void Emit(QmpSignal signal) => _throttle.Emit(signal, data: null);

    public void Dispose() => _throttle.Dispose();

    internal IDisposable Add(MonitorSession session)
    {
        ImmutableInterlocked.Update(ref _sessions, (sessions, added) => sessions.Add(added), session);
        return new Registration(this, session);
    }

    private void Send(string name, JsonElement? data)
    {
        Emitted?.Invoke(name, data);
        var sessions = Volatile.Read(ref _sessions);
        if (sessions.IsEmpty)
            return;
        var message = new EventMessage(name, data, _clock.GetUtcNow());
        foreach (var session in sessions)
            session.Post(message);
    }

    private sealed class Registration(MonitorEvents events, MonitorSession session) : IDisposable
    {
        public void Dispose() =>
            ImmutableInterlocked.Update(ref events._sessions, (sessions, gone) => sessions.Remove(gone), session);
    }
}
