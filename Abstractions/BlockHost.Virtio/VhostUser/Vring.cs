// SPDX-License-Identifier: MIT
using BlockHost.Posix;
using BlockHost.Posix.Loops;
using BlockHost.Virtio.Rings;
using Microsoft.Extensions.Logging;

namespace BlockHost.Virtio.VhostUser;

/// <summary>
/// One ring of a front-end at work: takes what the driver has made available, hands it to the device, and shows the driver what
/// is done. Everything here runs on the ring's loop.
/// <code>
///   kick ─► Poll ─► Virtqueue.TryTake ─► VirtioRequest.Begin ─► … ─► Complete ─► Publish ─► call
/// </code>
/// While its loop is awake it looks at the ring by itself; only before the loop sleeps the driver is asked for kicks.
/// </summary>
public sealed partial class Vring : IEventHandler, ILoopPolled, ILoopWork
{
    /// <summary>Then the loop's other rings get their turn.</summary>
    private const int ChainsPerTurn = 64;

    /// <summary>So many are shown to the driver together, which goes on with them while the next ones are done.</summary>
    private const int Batch = 16;

    private readonly VhostUserDevice _device;
    private readonly ILogger _log;
    private readonly Stack<VirtioRequest> _free = new();
    private Virtqueue? _queue;
    private TaskCompletionSource? _stopping;
    private bool _paused;
    private bool _taking;
    private bool _publishPosted;
    private bool _kicksEnabled;
    private int _completed;

    internal Vring(int index, VhostUserDevice device, EventLoop loop, ILogger log)
    {
        (Index, _device, Loop, _log) = (index, device, loop, log);
        loop.AddUser();
    }

    public int Index { get; }

    public EventLoop Loop { get; }

    private bool CanTake => _queue is { Fault: null } && _stopping is null && !_paused;

    void IEventHandler.OnEvents(EpollEvents events) => Guarded(this, static ring => ring.TakeAll());

    bool ILoopPolled.Poll()
    {
        if (!CanTake || !_queue!.HasAvailable)
            return false;
        Guarded(this, static ring => ring.TakeAll());
        return true;
    }

    bool ILoopPolled.TryRest()
    {
        if (!CanTake)
            return true;
        if (_kick < 0)
            return false;
        _kicksEnabled = true;
        return !_queue!.EnableKicks();
    }

    /// <summary>Requests that have come back to the loop one by one are shown together.</summary>
    void ILoopWork.Run()
    {
        _publishPosted = false;
        Guarded(this, static ring => ring.Publish());
    }

    /// <summary>No request can be understood any more: the ring stands still until the front-end starts it again.</summary>
    public void Break(string fault)
    {
        if (_queue is not { } queue || queue.Fault is not null)
            return;
        queue.Break(fault);
        TellBroken();
    }

    /// <summary>A loop's thread is shared: a mistake ends the ring that it happened on.</summary>
    internal void Guarded<T>(T argument, Action<T> step)
    {
        try
        {
            step(argument);
        }
        catch (Exception e)
        {
            _log.RingFailed(Index, e);
            Break("an error of the device");
        }
    }

    internal void Complete(VirtioRequest request, uint written)
    {
        _queue!.Complete(request.Chain, written);
        _free.Push(request);
        _completed++;
        if (_taking || _publishPosted)
            return;
        _publishPosted = true;
        Loop.Post(this);
    }

    private void TakeAll()
    {
        if (!CanTake)
            return;
        if (_kicksEnabled)
        {
            _kicksEnabled = false;
            _queue!.DisableKicks();
        }

        _taking = true;
        try
        {
            for (var n = 0; n < ChainsPerTurn && CanTake && TakeOne(); n++)
            {
                if (_completed >= Batch)
                    Publish();
            }
        }
        finally
        {
            _taking = false;
        }

        Publish();
    }

    private bool TakeOne()
    {
        if (!_free.TryPop(out var request))
            request = _device.CreateRequest(this);
        switch (_queue!.TryTake(request.Chain))
        {
            case TakeResult.Taken:
                request.Begin();
                return true;
            case TakeResult.Broken:
                TellBroken();
                break;
        }

        _free.Push(request);
        return false;
    }

    private void Publish()
    {
        _completed = 0;
        if (_queue is not { } queue)
            return;
        if (queue.Publish())
            EventDescriptor.Signal(_call);
        if (_stopping is not null && queue.InFlight == 0)
            FinishStop();
    }

    private void TellBroken()
    {
        _log.RingBroken(Index, _queue!.Fault!);
        EventDescriptor.Signal(_error);
    }
}
