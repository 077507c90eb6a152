// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using BlockHost.Objects;
using BlockHost.Plugins;

namespace BlockHost.Posix.Loops;

/// <summary>
/// A thread that waits for descriptors and for work posted by other threads. What belongs to it (connections, buffers, rings)
/// is touched by that thread only, so the data path takes no locks.
/// </summary>
public unsafe class EventLoop : IDisposable
{
    private const int EventsPerWait = 64;
    private const long WakeId = 0;

    private readonly LoopCpus _cpus;
    private readonly string _name;
    private readonly IIoThread? _ioThread;
    private readonly ManualResetEventSlim _ended = new();
    private readonly int _epoll;
    private readonly int _wake;
    private readonly ConcurrentQueue<ILoopWork> _posted = new();
    private readonly Dictionary<long, IEventHandler> _handlers = [];
    private readonly List<ILoopPolled> _polled = [];
    private readonly SpinPolicy _spin;
    private long _lastId = WakeId;
    private long _lastServed;
    private volatile bool _asleep;
    private volatile bool _stopping;
    private volatile int _threadId;
    private int _users;

    /// <param name="cpus">Of all loops that work together.</param>
    /// <param name="name">Of the thread, for debuggers.</param>
    /// <param name="thread">Where the loop runs if that thread is free; null: on one of its own.</param>
    public EventLoop(LoopCpus cpus, string name, IIoThread? thread = null)
    {
        ArgumentNullException.ThrowIfNull(cpus);
        (_cpus, _name, _ioThread) = (cpus, name, thread);
        _spin = new SpinPolicy(thread);
        _epoll = Checked(Libc.epoll_create1(Libc.EPOLL_CLOEXEC));
        _wake = Checked(Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK));
        Control(Libc.EPOLL_CTL_ADD, _wake, EpollEvents.In, WakeId);
    }

    /// <summary>The caller runs on the loop's thread.</summary>
    public bool IsCurrent => Environment.CurrentManagedThreadId == _threadId;

    /// <summary>Connections or rings in the loop's care; counted to spread them.</summary>
    public int Users => Volatile.Read(ref _users);

    /// <summary>
    /// The client may well have a CPU of its own to take replies at once: then it is better to send a batch in pieces
    /// than to let the client wait for all of it. Where all CPUs are busy, or several clients at work, the fewest calls win.
    /// </summary>
    public bool SendEarly { get; private set; }

    public void AddUser() => Interlocked.Increment(ref _users);

    public void RemoveUser() => Interlocked.Decrement(ref _users);

    /// <summary>Once: gives the loop its thread.</summary>
    public void Start()
    {
        if (_ioThread is null || !_ioThread.TryRun(Loop))
            PluginThread.Start(_name, Loop);
    }

    /// <summary>
    /// On the loop: watches a descriptor; the answer names it in <see cref="Change"/> and <see cref="Remove"/>.
    /// </summary>
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

    /// <summary>On the loop: looks there for work from now on.</summary>
    public void StartPolling(ILoopPolled polled) => _polled.Add(polled);

    public void StopPolling(ILoopPolled polled) => _polled.Remove(polled);

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
        GC.SuppressFinalize(this);
    }

    /// <summary>The last that happens on the loop's thread.</summary>
    protected virtual void OnEnd()
    {
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
            SendEarly = n == 1 && IsSameAgain(events) && _cpus.HasIdle;
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
        OnEnd();
        _ = Libc.close(_epoll);
        _ = Libc.close(_wake);
        _ended.Set();
    }

    private int Wait(byte* events)
    {
        var n = Libc.epoll_wait(_epoll, events, EventsPerWait, 0);
        if (n != 0 || HasWork())
            return Math.Max(n, 0);
        _cpus.LoopIsIdle();
        n = Spin(events, out var found);
        if (n == 0 && !found && _posted.IsEmpty)
            n = Sleep(events);
        _cpus.LoopIsBusy();
        return Math.Max(n, 0);
    }

    /// <summary>Work has been posted, or was found in memory and done.</summary>
    private bool HasWork()
    {
        var found = !_posted.IsEmpty;
        for (var i = 0; i < _polled.Count; i++)
            found |= _polled[i].Poll();
        return found;
    }

    /// <summary>Looks again for a while: putting a CPU to sleep and waking it can take longer than a whole request.</summary>
    private int Spin(byte* events, out bool found)
    {
        found = false;
        if (!_spin.Worthwhile || !_cpus.TryBeginSpin())
            return 0;
        var n = 0;
        var started = SpinPolicy.Now;
        do
        {
            _ = Libc.sched_yield();
            n = Libc.epoll_wait(_epoll, events, EventsPerWait, 0);
        }
        while (n == 0 && !(found = HasWork()) && SpinPolicy.Now - started < _spin.Duration && !_stopping);
        _cpus.EndSpin();
        _spin.Spun(hit: n != 0 || found);
        return n;
    }

    private int Sleep(byte* events)
    {
        for (var i = 0; i < _polled.Count; i++)
        {
            if (!_polled[i].TryRest())
                return 0;
        }

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
