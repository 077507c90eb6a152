// SPDX-License-Identifier: MIT
using BlockHost.Posix;
using BlockHost.Posix.Loops;
using BlockHost.Virtio.InFlight;
using BlockHost.Virtio.Memory;
using BlockHost.Virtio.Rings;

namespace BlockHost.Virtio.VhostUser;

/// <summary>What a front-end's messages do to a ring.</summary>
public sealed partial class Vring
{
    private GuestMemory _memory = GuestMemory.Empty();
    private RingAddresses? _addresses;
    private VirtioFeatures _features;
    private InFlightRegion? _inFlight;
    private DirtyLog? _dirty;
    private ushort _size;
    private uint _base;
    private bool? _enabled;
    private bool _hasKick;
    private int _kick = EventDescriptor.None;
    private int _call = EventDescriptor.None;
    private int _error = EventDescriptor.None;
    private long _kickId;

    /// <summary>From any thread: does this on the loop.</summary>
    /// <exception cref="VhostUserException">It cannot be done.</exception>
    internal Task RunAsync(Action<Vring> step)
    {
        var work = new ControlWork(this, step);
        Loop.Post(work);
        return work.Done.Task;
    }

    internal async Task<uint> StopAsync()
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await RunAsync(ring => ring.Stop(stopped)).ConfigureAwait(false);
        await stopped.Task.ConfigureAwait(false);
        return _base;
    }

    /// <summary>After the stop: everything the front-end has given goes.</summary>
    internal Task CloseAsync() => RunAsync(static ring =>
    {
        EventDescriptor.Close(ref ring._kick);
        EventDescriptor.Close(ref ring._call);
        EventDescriptor.Close(ref ring._error);
        ring._memory.Release();
        ring.Loop.RemoveUser();
    });

    /// <summary>Another map of the guest's memory, which the ring holds. What is in flight goes on in the old one.</summary>
    internal void SetMemory(GuestMemory memory)
    {
        if (_queue is not null && _addresses is { } addresses)
            _queue.Move(memory, addresses);
        var old = _memory;
        _memory = memory.Hold();
        old.Release();
    }

    internal void SetSize(uint size)
    {
        RequireStopped("the size");
        if (size is 0 or > Virtqueue.MaxSize)
            throw new VhostUserException($"ring {Index} of {size} descriptors");
        _size = (ushort)size;
    }

    internal void SetAddresses(in RingAddresses addresses)
    {
        _queue?.Move(_memory, addresses);
        _addresses = addresses;
    }

    internal void SetBase(uint next)
    {
        RequireStopped("the place to begin");
        _base = next;
    }

    /// <summary>Features hold from the next start on.</summary>
    internal void SetFeatures(VirtioFeatures features, DirtyLog? log)
    {
        _features = features;
        _dirty = (features & VirtioFeatures.LogAll) != 0 ? log : null;
        if (_queue is not null)
            _queue.Log = _dirty;
    }

    /// <param name="region">Outlives the ring's next run.</param>
    internal void SetInFlight(InFlightRegion? region) => _inFlight = region;

    internal void SetEnabled(bool enabled)
    {
        _enabled = enabled;
        if (enabled)
            StartIfReady();
        else
            _paused = true;
    }

    internal void SetKick(int descriptor)
    {
        Unwatch();
        EventDescriptor.Close(ref _kick);
        (_kick, _hasKick) = (EventDescriptor.Prepared(descriptor), true);
        if (_queue is not null)
            Watch();
        else
            StartIfReady();
    }

    internal void SetCall(int descriptor)
    {
        EventDescriptor.Close(ref _call);
        _call = EventDescriptor.Prepared(descriptor);
    }

    internal void SetError(int descriptor)
    {
        EventDescriptor.Close(ref _error);
        _error = EventDescriptor.Prepared(descriptor);
    }

    /// <summary>Starts where all is there that a ring needs.</summary>
    private void StartIfReady()
    {
        var enabled = _enabled ?? (_features & VirtioFeatures.ProtocolFeatures) == 0;
        if (!enabled || !_hasKick || _size == 0 || _addresses is not { } addresses || _stopping is not null)
            return;
        if (_queue is null)
        {
            _queue = Virtqueue.Create(new(_size, _base, _features), _memory, addresses, _inFlight);
            _queue.Log = _dirty;
            Loop.StartPolling(this);
            Watch();
        }

        _paused = false;
        // A driver may have waited for an answer that the process before this one gave without telling of it.
        EventDescriptor.Signal(_call);
        TakeAll();
    }

    private void Stop(TaskCompletionSource stopped)
    {
        if (_queue is null)
        {
            ForgetKick();
            stopped.SetResult();
            return;
        }

        if (_stopping is { } already)
        {
            already.Task.ContinueWith(_ => stopped.SetResult(), TaskScheduler.Default);
            return;
        }

        Unwatch();
        _stopping = stopped;
        Publish();
    }

    private void FinishStop()
    {
        Loop.StopPolling(this);
        _base = _queue!.Base;
        _queue.Close();
        _queue = null;
        ForgetKick();
        _stopping!.SetResult();
        _stopping = null;
    }

    /// <summary>A stopped ring waits for another one.</summary>
    private void ForgetKick()
    {
        EventDescriptor.Close(ref _kick);
        _hasKick = false;
    }

    private void Watch()
    {
        if (_kick >= 0)
            _kickId = Loop.Add(_kick, EpollEvents.In | EpollEvents.Edge, this);
    }

    private void Unwatch()
    {
        if (_kickId != 0)
            Loop.Remove(_kick, _kickId);
        _kickId = 0;
    }

    internal void RequireStopped(string what)
    {
        if (_queue is not null)
            throw new VhostUserException($"{what} of ring {Index} cannot change while it runs");
    }

    private sealed class ControlWork(Vring ring, Action<Vring> step) : ILoopWork
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Run()
        {
            try
            {
                step(ring);
                Done.SetResult();
            }
            catch (Exception e)
            {
                Done.SetException(e);
            }
        }
    }
}
