// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Jobs;

/// <summary>
/// A token bucket of one slice (100 ms): over any second no more passes than the speed, a slice and the last request.
/// Work is charged when it is done, so the bucket may go below empty; whoever charges then waits until it is not.
/// Not safe for use by several threads at once.
/// </summary>
internal sealed class RateLimit(TimeProvider clock)
{
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(100);

    private long _speed;
    private double _tokens;
    private long _filledAt;

    /// <summary>Bytes a second; 0: no limit.</summary>
    public long Speed
    {
        get => _speed;
        set
        {
            Refill();
            // What is owed stays owed, at the new rate; it must not freeze a job that is to go faster.
            _tokens = _speed == 0 ? Capacity(value) : Math.Min(_tokens, Capacity(value));
            _speed = value;
        }
    }

    /// <summary>Takes <paramref name="amount"/> out. Returns how long to wait (zero: not at all).</summary>
    public TimeSpan Charge(long amount)
    {
        if (_speed == 0)
            return TimeSpan.Zero;
        Refill();
        _tokens -= amount;
        return _tokens >= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Min(-_tokens / _speed, 3600 * 24));
    }

    private static double Capacity(long speed) => speed * Slice.TotalSeconds;

    private void Refill()
    {
        var now = clock.GetTimestamp();
        if (_filledAt != 0 && _speed != 0)
            _tokens = Math.Min(Capacity(_speed), _tokens + (clock.GetElapsedTime(_filledAt, now).TotalSeconds * _speed));
        _filledAt = now;
    }
}
