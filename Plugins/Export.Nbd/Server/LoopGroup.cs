// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>The event loops of one server: as many as there are CPUs, within reason.</summary>
internal sealed class LoopGroup : IDisposable
{
    private const int MaxLoops = 8;

    private readonly EventLoop[] _loops;
    private int _busy;
    private int _spinning;

    public LoopGroup(TimeProvider clock, MemoryBudget memory)
    {
        _loops = new EventLoop[Math.Min(Environment.ProcessorCount, MaxLoops)];
        _busy = _loops.Length;
        for (var i = 0; i < _loops.Length; i++)
            _loops[i] = new EventLoop(this, $"nbd-{i}", clock, memory);
    }

    /// <summary>The loop that takes new clients in.</summary>
    public EventLoop First => _loops[0];

    /// <summary>Busy loops leave at least as many CPUs for their clients.</summary>
    public bool HasIdleCpu => Volatile.Read(ref _busy) * 2 <= Environment.ProcessorCount;

    public EventLoop LeastLoaded()
    {
        var least = _loops[0];
        foreach (var loop in _loops)
        {
            if (Volatile.Read(ref loop.Connections) < Volatile.Read(ref least.Connections))
                least = loop;
        }

        return least;
    }

    public void LoopIsIdle() => Interlocked.Decrement(ref _busy);

    public void LoopIsBusy() => Interlocked.Increment(ref _busy);

    /// <summary>At most half of the CPUs spin, or the clients would have none left.</summary>
    public bool TryBeginSpin()
    {
        if (Interlocked.Increment(ref _spinning) * 2 <= Environment.ProcessorCount)
            return true;
        EndSpin();
        return false;
    }

    public void EndSpin() => Interlocked.Decrement(ref _spinning);

    public void Dispose()
    {
        foreach (var loop in _loops)
            loop.Dispose();
    }
}
