// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Memory;

/// <summary>
/// Collects garbage, and gives its memory back to the system, when large messages have left much of it and things
/// have calmed down: an idle process allocates nothing, so nothing else would make the collector look.
/// </summary>
internal sealed class IdleCollection : IDisposable
{
    /// <summary>So long after the last large message.</summary>
    public static readonly TimeSpan Calm = TimeSpan.FromSeconds(2);

    /// <summary>The runtime's own pool of arrays lets go of large ones in collections half a minute and a minute later.</summary>
    public static readonly TimeSpan Again = TimeSpan.FromSeconds(31);

    /// <summary>Bytes of a message; smaller ones do not leave enough behind.</summary>
    public const int Large = 1 << 20;

    private const int Collections = 3;

    private readonly Action _collect;
    private readonly ITimer _timer;
    private int _left;

    /// <param name="collect">For tests; default: a full collection that keeps no memory for later.</param>
    public IdleCollection(TimeProvider clock, Action? collect = null)
    {
        _collect = collect ?? Collect;
        _timer = clock.CreateTimer(_ => Run(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A message of so many bytes came or went.</summary>
    public void Note(int bytes)
    {
        if (bytes < Large)
            return;
        Volatile.Write(ref _left, Collections);
        _timer.Change(Calm, Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => _timer.Dispose();

    private void Run()
    {
        _collect();
        if (Interlocked.Decrement(ref _left) > 0)
            _timer.Change(Again, Timeout.InfiniteTimeSpan);
    }

    private static void Collect() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}
