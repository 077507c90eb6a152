// SPDX-License-Identifier: MIT
namespace BlockHost.Testing;

/// <summary>What work that stays on its thread allocates, once it is warm.</summary>
public static class Allocations
{
    /// <summary>
    /// Bytes that 100 calls allocate, in the best of some rounds: the runtime allocates a little itself when it compiles a method
    /// anew.
    /// </summary>
    public static long Of(Action action)
    {
        var least = long.MaxValue;
        for (var round = 0; round < 6; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 100; i++)
                action();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
