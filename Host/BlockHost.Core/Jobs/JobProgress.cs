// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Jobs;

/// <summary>How far a job is, and how fast it has lately been. Work done only grows; the total may move.</summary>
internal sealed class JobProgress(TimeProvider clock)
{
    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Queue<(TimeSpan At, long Current)> _samples = new();
    private TimeSpan _lastSample;
    private TimeSpan _ran;
    private long _runningSince;
    private bool _running;
    private long _current;
    private long _total;

    public (long Current, long Total, double? Rate, TimeSpan Elapsed) Read()
    {
        lock (_lock)
        {
            Sample();
            return (_current, _total, Rate(), Ran);
        }
    }

    public void Add(long done)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(done);
        lock (_lock)
        {
            _current += done;
            Sample();
        }
    }

    public void SetRemaining(long remaining)
    {
        lock (_lock)
            _total = _current + remaining;
    }

    public void AddRemaining(long delta)
    {
        lock (_lock)
            _total += delta;
    }

    /// <summary>The job's own clock runs: it stands still in pauses, which are no sign of slowness.</summary>
    public void Start()
    {
        lock (_lock)
        {
            if (_running)
                return;
            _running = true;
            _runningSince = clock.GetTimestamp();
            if (_samples.Count == 0)
                Keep();
        }
    }

    public void Stop()
    {
        lock (_lock)
        {
            if (!_running)
                return;
            _ran = Ran;
            _running = false;
        }
    }

    private TimeSpan Ran => _running ? _ran + clock.GetElapsedTime(_runningSince) : _ran;

    private void Sample()
    {
        if (_running && Ran - _lastSample >= SampleInterval)
            Keep();
    }

    private void Keep()
    {
        _lastSample = Ran;
        _samples.Enqueue((_lastSample, _current));
        // One sample from before the window stays, so that the rate always covers all of it.
        while (_samples.Count > 2 && _lastSample - _samples.ElementAt(1).At >= Window)
            _samples.Dequeue();
    }

    private double? Rate()
    {
        if (_samples.Count == 0)
            return null;
        var (at, current) = _samples.Peek();
        var seconds = (Ran - at).TotalSeconds;
        return seconds < SampleInterval.TotalSeconds ? null : (_current - current) / seconds;
    }
}
