// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Block.Io;

/// <summary>
/// Requests that a peer has not answered yet, oldest first. With a deadline, one timer goes by the first of them:
/// <code>
///   oldest ⇄ … ⇄ newest      the oldest is late ─► missed ─► who watches gives the peer up ─► all fail
///     └ timer: when it is due
/// </code>
/// An entry is used again when its request is done: a request costs no allocation here.
/// </summary>
internal sealed class LateRequests : IDisposable
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _clock;
    private readonly TimeSpan? _deadline;
    private readonly Action<RequestKind, TimeSpan> _missed;
    private readonly ITimer? _timer;
    private Entry? _oldest;
    private Entry? _newest;
    private Entry? _free;
    private bool _isArmed;

    /// <param name="deadline">Null: nothing is ever late.</param>
    /// <param name="missed">Told of the kind of request that is late, and for how long it has waited; once for each.</param>
    public LateRequests(TimeProvider clock, TimeSpan? deadline, Action<RequestKind, TimeSpan> missed)
    {
        (_clock, _deadline, _missed) = (clock, deadline, missed);
        if (deadline is not null)
            _timer = clock.CreateTimer(
                static own => ((LateRequests)own!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public IReadOnlyList<RequestFacts> Pending
    {
        get
        {
            var pending = new List<RequestFacts>();
            lock (_lock)
            {
                for (var entry = _oldest; entry is not null; entry = entry.Newer)
                    pending.Add(entry.Facts);
            }

            return pending;
        }
    }

    public Entry Begin(RequestKind kind, long offset, long bytes)
    {
        var facts = new RequestFacts(kind, offset, bytes, _clock.GetTimestamp());
        lock (_lock)
        {
            var entry = _free ?? new Entry();
            _free = entry.Newer;
            (entry.Facts, entry.IsLate, entry.Older, entry.Newer) = (facts, false, _newest, null);
            if (_newest is null)
                _oldest = entry;
            else
                _newest.Newer = entry;
            _newest = entry;
            Arm();
            return entry;
        }
    }

    public void End(Entry entry)
    {
        lock (_lock)
        {
            if (entry.Older is null)
                _oldest = entry.Newer;
            else
                entry.Older.Newer = entry.Newer;
            if (entry.Newer is null)
                _newest = entry.Older;
            else
                entry.Newer.Older = entry.Older;
            (entry.Older, entry.Newer, _free) = (null, _free, entry);
        }
    }

    /// <summary>From now on nothing is late.</summary>
    public void Dispose() => _timer?.Dispose();

    private void Look()
    {
        var late = new List<RequestFacts>();
        lock (_lock)
        {
            _isArmed = false;
            for (var entry = _oldest; entry is not null; entry = entry.Newer)
            {
                if (_clock.GetElapsedTime(entry.Facts.Start) < _deadline)
                    break;
                if (!entry.IsLate)
                    late.Add(entry.Facts);
                entry.IsLate = true;
            }

            Arm();
        }

        foreach (var request in late)
            _missed(request.Kind, _clock.GetElapsedTime(request.Start));
    }

    /// <summary>Under the lock. The timer may find that its request is done, and goes by the next one then.</summary>
    private void Arm()
    {
        if (_isArmed || _deadline is not { } deadline)
            return;
        var next = _oldest;
        while (next is { IsLate: true })
            next = next.Newer;
        if (next is null)
            return;
        var left = deadline - _clock.GetElapsedTime(next.Facts.Start);
        _isArmed = _timer!.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    /// <summary>One request's place in the list.</summary>
    public sealed class Entry
    {
        internal RequestFacts Facts;
        internal bool IsLate;
        internal Entry? Older;
        internal Entry? Newer;
    }
}
