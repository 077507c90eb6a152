// SPDX-License-Identifier: MIT
using BlockHost.Objects;

namespace BlockHost.Posix.Loops;

/// <summary>
/// Event loops that work together: as many as there are CPUs, within reason, and those on threads that a user has named.
/// </summary>
public sealed class LoopGroup<TLoop> : IDisposable
    where TLoop : EventLoop
{
    private const int MaxLoops = 8;

    private readonly string _name;
    private readonly Func<LoopCpus, string, IIoThread?, TLoop> _make;
    private readonly LoopCpus _cpus = new();
    private readonly TLoop[] _loops;
    private readonly Lock _gate = new();
    private readonly Dictionary<IIoThread, (TLoop Loop, int Users)> _named = [];

    /// <param name="name">What the names of threads begin with.</param>
    /// <param name="make">Makes a loop and does not start it.</param>
    public LoopGroup(string name, Func<LoopCpus, string, IIoThread?, TLoop> make)
    {
        (_name, _make) = (name, make);
        _loops = new TLoop[Math.Min(Environment.ProcessorCount, MaxLoops)];
        for (var i = 0; i < _loops.Length; i++)
            _loops[i] = Started($"{name}-{i}", thread: null);
    }

    /// <summary>The loop that takes new clients in.</summary>
    public TLoop First => _loops[0];

    public TLoop LeastLoaded()
    {
        var least = _loops[0];
        foreach (var loop in _loops)
        {
            if (loop.Users < least.Users)
                least = loop;
        }

        return least;
    }

    /// <summary>The loop on a thread that the user has named; one for all who name it, until each has left it.</summary>
    public TLoop Enter(IIoThread thread)
    {
        ArgumentNullException.ThrowIfNull(thread);
        lock (_gate)
        {
            var (loop, users) = _named.GetValueOrDefault(thread);
            loop ??= Started($"{_name}-iothread", thread);
            _named[thread] = (loop, users + 1);
            return loop;
        }
    }

    public void Leave(IIoThread thread)
    {
        ArgumentNullException.ThrowIfNull(thread);
        TLoop loop;
        lock (_gate)
        {
            (loop, var users) = _named[thread];
            _named[thread] = (loop, users - 1);
            if (users > 1)
                return;
            _named.Remove(thread);
        }

        loop.Dispose();
        _cpus.LoopIsIdle();
    }

    public void Dispose()
    {
        foreach (var loop in _loops)
            loop.Dispose();
    }

    private TLoop Started(string name, IIoThread? thread)
    {
        var loop = _make(_cpus, name, thread);
        _cpus.LoopIsBusy();
        loop.Start();
        return loop;
    }
}
