// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Filter.Throttle.Limits;

/// <summary>
/// Measures one limit: requests fill the bucket as they pass, time empties it, and who finds it overfull waits.
/// <code>
///   no burst rate       the bucket leaks the average and holds a tenth of a second of it
///   burst rate          it leaks the average and holds the burst rate for the burst's length
///   burst of seconds    beside it a small one, which leaks the burst rate, keeps the burst to that rate
/// </code>
/// </summary>
internal sealed class LeakyBucket(Rate rate)
{
    private const double Grace = 0.1;

    private readonly bool _limitsBursts = rate.BurstLength > 1;
    private readonly double _capacity = rate.Max > 0 ? (double)rate.Max * rate.BurstLength : rate.Average * Grace;
    private double _level;
    private double _burst;

    public void Leak(double seconds)
    {
        _level = Math.Max(0, _level - (rate.Average * seconds));
        if (_limitsBursts)
            _burst = Math.Max(0, _burst - (rate.Max * seconds));
    }

    public void Add(double units)
    {
        if (!rate.IsLimit)
            return;
        _level += units;
        if (_limitsBursts)
            _burst += units;
    }

    /// <summary>Seconds until the next request may pass; 0: at once.</summary>
    public double Wait()
    {
        if (!rate.IsLimit)
            return 0;
        var wait = Math.Max(0, (_level - _capacity) / rate.Average);
        return _limitsBursts ? Math.Max(wait, (_burst - (rate.Max * Grace)) / rate.Max) : wait;
    }
}
