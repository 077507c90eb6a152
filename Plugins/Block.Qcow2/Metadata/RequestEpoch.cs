// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Tells when every request that could still use an old mapping has finished. Requests use mappings without a lock, so a
/// cluster that lost its last reference is handed out again only after all requests that began before have left:
/// a delayed write must not land in another guest cluster's data.
/// </summary>
/// <remarks>
/// Requests count themselves in one of two phases. The phase advances when the other one has no request left; after
/// two advances nothing that entered before the first is still inside. The counters are spread over processors.
/// </remarks>
internal sealed class RequestEpoch
{
    private const int Stripes = 8;
    private const int CountersPerLine = 32;

    private readonly int[] _counts = new int[Stripes * CountersPerLine];
    private readonly Lock _advancing = new();
    private int _phase;

    /// <summary>Times the phase has advanced.</summary>
    public long Advances { get; private set; }

    /// <returns>A token for <see cref="Exit"/>.</returns>
    public int Enter()
    {
        var line = (Thread.GetCurrentProcessorId() & (Stripes - 1)) * CountersPerLine;
        while (true)
        {
            var phase = Volatile.Read(ref _phase);
            Interlocked.Increment(ref _counts[line + phase]);
            if (Volatile.Read(ref _phase) == phase) return line + phase;
            Interlocked.Decrement(ref _counts[line + phase]);
        }
    }

    public void Exit(int token) => Interlocked.Decrement(ref _counts[token]);

    /// <summary>Begins the next phase if the last one is empty.</summary>
    public bool TryAdvance()
    {
        lock (_advancing)
        {
            var other = _phase ^ 1;
            for (var line = 0; line < _counts.Length; line += CountersPerLine)
            {
                if (Volatile.Read(ref _counts[line + other]) != 0) return false;
            }
            Volatile.Write(ref _phase, other);
            Interlocked.MemoryBarrier();
            Advances++;
            return true;
        }
    }
}
