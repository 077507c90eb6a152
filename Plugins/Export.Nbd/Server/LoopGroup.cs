// SPDX-License-Identifier: MIT
using BlockHost.Objects;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>The event loops of one server: as many as there are CPUs, within reason.</summary>
internal sealed class LoopGroup : IDisposable
{
    private const int MaxLoops = 8;

    private readonly TimeProvider _clock;
    private readonly MemoryBudget _memory;
    private readonly EventLoop[] _loops;
    private readonly Lock _gate = new();
    private readonly Dictionary<IIoThread, (EventLoop Loop, int Users)> _named = [];
    private int _busy;
    private int _spinning;

    public LoopGroup(TimeProvider clock, MemoryBudget memory)
    {
        (_clock, _memory) = (clock, memory);
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

    /// <summary>The loop on a thread that the user has named; one for all exports that name it, until each has left it.</summary>
    public EventLoop Enter(IIoThread thread)
    {
        lock (_gate)
        {
            var (loop, users) = _named.GetValueOrDefault(thread);
            if (loop is null)
            {
                loop = new EventLoop(this, "nbd-iothread", _clock, _memory, thread);
                LoopIsBusy();
            }

            _named[thread] = (loop, users + 1);
            return loop;
        }
    }

    public void Leave(IIoThread thread)
    {
        EventLoop loop;
        lock (_gate)
        {
            (loop, var users) = _named[thread];
            _named[thread] = (loop, users - 1);
            if (users > 1)
                return;
            _named.Remove(thread);
        }

        loop.Dispose();
        LoopIsIdle();
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
