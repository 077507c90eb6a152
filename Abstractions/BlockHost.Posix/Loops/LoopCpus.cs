// SPDX-License-Identifier: MIT
namespace BlockHost.Posix.Loops;

/// <summary>How many of the loops that work together are at work, or look for some: others need CPUs too.</summary>
public sealed class LoopCpus
{
    private int _busy;
    private int _spinning;

    /// <summary>Busy loops leave at least as many CPUs for their clients.</summary>
    public bool HasIdle => Volatile.Read(ref _busy) * 2 <= Environment.ProcessorCount;

    /// <summary>Also for a new loop, which begins busy.</summary>
    public void LoopIsBusy() => Interlocked.Increment(ref _busy);

    public void LoopIsIdle() => Interlocked.Decrement(ref _busy);

    /// <summary>At most half of the CPUs spin, or the clients would have none left.</summary>
    public bool TryBeginSpin()
    {
        if (Interlocked.Increment(ref _spinning) * 2 <= Environment.ProcessorCount)
            return true;
        EndSpin();
        return false;
    }

    public void EndSpin() => Interlocked.Decrement(ref _spinning);
}
