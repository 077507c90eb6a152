// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Archipelago.Segments;

/// <summary>
/// Locks in shared memory: a word that is 0, or says who holds it. A peer that dies with one never gives it back, so that
/// nobody waits for one for ever here.
/// </summary>
internal readonly struct PeerLock : IDisposable
{
    private const int SpinsBeforeSleep = 200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly SharedSegment _segment;
    private readonly long _place;

    private PeerLock(SharedSegment segment, long place) => (_segment, _place) = (segment, place);

    /// <exception cref="BlockException">It was held for seconds.</exception>
    internal static PeerLock Take(SharedSegment segment, long place, TimeProvider clock, CancellationToken cancellationToken)
    {
        // Process, thread and code address, of 16, 16 and 32 bits.
        var me = (ulong)(Environment.ProcessId & 0xFFFF) << 48 | (ulong)(Environment.CurrentManagedThreadId & 0xFFFF) << 32 | 1;
        var start = clock.GetTimestamp();
        for (var spins = 0; ; spins++)
        {
            var holder = Interlocked.CompareExchange(ref segment.At(place), me, 0);
            if (holder == 0)
                return new PeerLock(segment, place);
            cancellationToken.ThrowIfCancellationRequested();
            if (spins < SpinsBeforeSleep)
            {
                Thread.SpinWait(20);
                continue;
            }

            if (clock.GetElapsedTime(start) > Patience)
            {
                throw new BlockException(
                    BlockErrorKind.Io, $"A process (number {holder >> 48} modulo 65536) holds a lock of the segment for seconds");
            }

            Thread.Sleep(1);
        }
    }

    public void Dispose() => _segment.Set(_place, 0);
}
