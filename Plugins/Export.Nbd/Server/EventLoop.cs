// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using BlockHost.Objects;
using BlockHost.Posix;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>Reacts to a descriptor, on its loop's thread.</summary>
internal interface IEventHandler
{
    void OnEvents(EpollEvents events);
}

/// <summary>Something to be done on a loop's thread.</summary>
internal interface ILoopWork
{
    void Run();
}

/// <summary>
/// A thread that waits for descriptors and for work posted by other threads. What belongs to it (connections, buffers)
/// is touched by that thread only, so the data path takes no locks.
/// </summary>
internal sealed unsafe class EventLoop : IDisposable
{
    private const int EventsPerWait = 64;
    private const long WakeId = 0;

    private readonly LoopGroup _group;
    private readonly ManualResetEventSlim _ended = new();
    private readonly int _epoll;
    private readonly int _wake;
    private readonly ConcurrentQueue<ILoopWork> _posted = new();
    private readonly Dictionary<long, IEventHandler> _handlers = [];
    private readonly SpinPolicy _spin;
    private long _lastId = WakeId;
    private long _lastServed;
    private volatile bool _asleep;
    private volatile bool _stopping;
    private volatile int _threadId;

    /// <param name="thread">Where the loop runs if that thread is free; null: on one of its own.</param>
    public EventLoop(LoopGroup group, string name, TimeProvider clock, MemoryBudget memory, IIoThread? thread = null)
    {
        _group = group;
        _spin = new SpinPolicy(thread);
        Buffers = new BufferPool(memory, new IdleTrim(this, clock));
        _epoll = Checked(Libc.epoll_create1(Libc.EPOLL_CLOEXEC));
        _wake = Checked(Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK));
        Control(Libc.EPOLL_CTL_ADD, _wake, EpollEvents.In, WakeId);
        if (thread is null || !thread.TryRun(Loop))
            PluginThread.Start(name, Loop);
    }

    public BufferPool Buffers { get; }

    /// <summary>The caller runs on the loop's thread.</summary>
    public bool IsCurrent => Environment.CurrentManagedThreadId == _threadId;

    /// <summary>Connections in the loop's care; read from any thread to spread them.</summary>
    public int Connections;

    /// <summary>
    /// The client may well have a CPU of its own to take replies at once: then it is better to send a batch in pieces
    /// than to let the client wait for all of it. Where all CPUs are busy, or several clients at work, the fewest calls win.
    /// </summary>
    public bool SendEarly { get; private set; }

    /// <summary>Watches a descriptor; the answer names it in <see cref="Change"/> and <see cref="Remove"/>.</summary>
    public long Add(int fd, EpollEvents events, IEventHandler handler)
    {
        var id = ++_lastId;
        _handlers.Add(id, handler);
        Control(Libc.EPOLL_CTL_ADD, fd, events, id);
        return id;
    }

    public void Change(int fd, EpollEvents events, long id) => Control(Libc.EPOLL_CTL_MOD, fd, events, id);

    public void Remove(int fd, long id)
    {
        _handlers.Remove(id);
        Control(Libc.EPOLL_CTL_DEL, fd, EpollEvents.None, id);
    }

    /// <summary>From any thread: has the loop run <paramref name="work"/> soon. No allocation in the steady state.</summary>
    public void Post(ILoopWork work)
    {
        _posted.Enqueue(work);
        Interlocked.MemoryBarrier();
        if (_asleep)
            Wake();
    }

    public void Dispose()
    {
        _stopping = true;
        Wake();
        if (!IsCurrent)
            _ended.Wait();
    }

    private void Wake()
    {
        var one = 1L;
        _ = Libc.write(_wake, &one, sizeof(long));
    }

    private void Loop()
    {
        _threadId = Environment.CurrentManagedThreadId;
        var events = stackalloc byte[EventsPerWait * EpollEvent.Size];
        while (!_stopping)
        {
            var n = Wait(events);
            SendEarly = n == 1 && IsSameAgain(events) && _group.HasIdleCpu;
            for (var i = 0; i < n; i++)
            {
                var (what, id) = EpollEvent.Read(events + (i * EpollEvent.Size));
                if (id == WakeId)
                    DrainWake();
                else if (_handlers.TryGetValue(id, out var handler))
                    handler.OnEvents(what);
            }

            RunPosted();
        }

        RunPosted();
        Buffers.Dispose();
        _ = Libc.close(_epoll);
        _ = Libc.close(_wake);
        _ended.Set();
    }

    private int Wait(byte* events)
    {
        var n = Libc.epoll_wait(_epoll, events, EventsPerWait, 0);
        if (n != 0 || !_posted.IsEmpty)
            return Math.Max(n, 0);
        _group.LoopIsIdle();
        n = Spin(events);
        if (n == 0 && _posted.IsEmpty)
            n = Sleep(events);
        _group.LoopIsBusy();
        return Math.Max(n, 0);
    }

    /// <summary>Looks again for a while: putting a CPU to sleep and waking it can take longer than a whole request.</summary>
    private int Spin(byte* events)
    {
        if (!_spin.Worthwhile || !_group.TryBeginSpin())
            return 0;
        var n = 0;
        var started = SpinPolicy.Now;
        do
        {
            _ = Libc.sched_yield();
            n = Libc.epoll_wait(_epoll, events, EventsPerWait, 0);
        }
        while (n == 0 && _posted.IsEmpty && SpinPolicy.Now - started < _spin.Duration && !_stopping);
        _group.EndSpin();
        _spin.Spun(hit: n != 0 || !_posted.IsEmpty);
        return n;
    }

    private int Sleep(byte* events)
    {
        _asleep = true;
        Interlocked.MemoryBarrier();
        var started = SpinPolicy.Now;
        var n = _posted.IsEmpty && !_stopping ? Libc.epoll_wait(_epoll, events, EventsPerWait, -1) : 0;
        _asleep = false;
        _spin.Slept(SpinPolicy.Now - started);
        return n;
    }

    /// <summary>The one event is of the client that the last one was of: nobody else is at work on this loop.</summary>
    private bool IsSameAgain(byte* events)
    {
        var (_, id) = EpollEvent.Read(events);
        var same = id == _lastServed;
        _lastServed = id;
        return same;
    }

    private void DrainWake()
    {
        var count = 0L;
        _ = Libc.read(_wake, &count, sizeof(long));
    }

    private void RunPosted()
    {
        // Work posted meanwhile waits for the next round, so that descriptors get their turn.
        for (var n = _posted.Count; n > 0 && _posted.TryDequeue(out var work); n--)
            work.Run();
    }

    private void Control(int operation, int fd, EpollEvents events, long id)
    {
        var change = stackalloc byte[16];
        EpollEvent.Write(change, events, id);
        _ = Libc.epoll_ctl(_epoll, operation, fd, change);
    }

    private static int Checked(int fd) =>
        fd >= 0 ? fd : throw new IOException($"Failed to set up an event loop: {SystemError.Text(SystemError.Last)}");
}
