// SPDX-License-Identifier: MIT
namespace BlockHost.Remote.Transfers;

/// <summary>
/// Ends one try: when nothing has come for a while, when the time for the whole request is over, when the node is yanked or
/// closed, or when who asked wants no more.
/// </summary>
public sealed class Watch : IDisposable
{
    private readonly TimeProvider _clock;
    private readonly TimeSpan _patience;
    private readonly Deadline? _deadline;
    private readonly CancellationTokenSource _source;
    private readonly ITimer? _timer;
    private long _lastProgress;
    private volatile bool _isOver;

    /// <param name="patience">For how long nothing may come; zero: for ever.</param>
    internal Watch(
        Lifeline lifeline, TimeProvider clock, TimeSpan patience, Deadline? deadline, CancellationToken cancellationToken)
    {
        (_clock, _patience, _deadline) = (clock, patience, deadline);
        _lastProgress = clock.GetTimestamp();
        _source = CancellationTokenSource.CreateLinkedTokenSource(lifeline.Token, cancellationToken);
        if (patience > TimeSpan.Zero || deadline is not null)
        {
            _timer = clock.CreateTimer(
                static watch => ((Watch)watch!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(TimeToWait(), Timeout.InfiniteTimeSpan);
        }
    }

    public CancellationToken Token => _source.Token;

    /// <summary>It was time that ended the try.</summary>
    public bool IsOver => _isOver;

    public void Progress()
    {
        Volatile.Write(ref _lastProgress, _clock.GetTimestamp());
        _deadline?.Progress();
    }

    public void Dispose()
    {
        _timer?.Dispose();
        _source.Dispose();
    }

    private void Look()
    {
        var left = TimeToWait();
        try
        {
            if (left > TimeSpan.Zero)
            {
                _timer?.Change(left, Timeout.InfiniteTimeSpan);
                return;
            }

            _isOver = true;
            _source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The try has ended in this very moment.
        }
    }

    private TimeSpan TimeToWait()
    {
        var left = TimeSpan.FromDays(1);
        if (_patience > TimeSpan.Zero)
            left = _patience - _clock.GetElapsedTime(Volatile.Read(ref _lastProgress));
        if (_deadline?.Left is { } whole && whole < left)
            left = whole;
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }
}
