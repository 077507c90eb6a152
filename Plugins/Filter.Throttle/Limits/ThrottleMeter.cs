// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Filter.Throttle.Limits;

/// <summary>
/// What has passed, measured against all limits. A request is never split: a large one passes, and the next ones wait for it.
/// </summary>
internal sealed class ThrottleMeter(ThrottleSettings settings)
{
    private readonly Pair _bytes = new(settings.Bytes);
    private readonly Pair _requests = new(settings.Requests);

    public void Leak(double seconds)
    {
        _bytes.Leak(seconds);
        _requests.Leak(seconds);
    }

    public void Add(Direction direction, long bytes)
    {
        _bytes.Add(direction, bytes);
        _requests.Add(direction, settings.IopsSize > 0 && bytes > settings.IopsSize ? (double)bytes / settings.IopsSize : 1);
    }

    /// <summary>Seconds until a request may pass; 0: at once.</summary>
    public double Wait(Direction direction) => Math.Max(_bytes.Wait(direction), _requests.Wait(direction));

    private sealed class Pair(Rates rates)
    {
        private readonly LeakyBucket _total = new(rates.Total);
        private readonly LeakyBucket[] _directions = [new(rates.Read), new(rates.Write)];

        public void Leak(double seconds)
        {
            _total.Leak(seconds);
            foreach (var bucket in _directions)
                bucket.Leak(seconds);
        }

        public void Add(Direction direction, double units)
        {
            _total.Add(units);
            _directions[(int)direction].Add(units);
        }

        public double Wait(Direction direction) => Math.Max(_total.Wait(), _directions[(int)direction].Wait());
    }
}
