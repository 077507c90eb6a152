// SPDX-License-Identifier: MIT
namespace BlockHost.Images.Copying;

/// <summary>Keeps a stream of bytes below a rate; 0 bytes a second: no limit.</summary>
internal sealed class RateLimit(long bytesPerSecond, TimeProvider clock)
{
    /// <summary>A burst may be as large as what a tenth of a second allows.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly long _start = clock.GetTimestamp();
    private TimeSpan _booked;

    public Task WaitAsync(long bytes, CancellationToken cancellationToken)
    {
        if (bytesPerSecond == 0 || bytes == 0)
            return Task.CompletedTask;
        TimeSpan wait;
        lock (_gate)
        {
            var now = clock.GetElapsedTime(_start);
            wait = _booked - now;
            _booked = (_booked > now - Slice ? _booked : now - Slice) + TimeSpan.FromSeconds((double)bytes / bytesPerSecond);
        }

        return wait > TimeSpan.Zero ? Task.Delay(wait, clock, cancellationToken) : Task.CompletedTask;
    }
}
