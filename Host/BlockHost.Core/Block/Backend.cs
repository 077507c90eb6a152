// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Core.Logging;
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Block;

/// <summary>
/// A user of a node outside the graph. Every request enters the graph through a backend's queue, so a drained section
/// needs to hold back the queues only:
/// <code>
///   request:  in flight + 1 ─► held back? ─ no ─► go on ─► in flight - 1
///                                 └ yes ─► in flight - 1, wait, try again
///   drain:    held back + 1 ─► wait until nothing is in flight
/// </code>
/// </summary>
internal sealed class Backend : IBlockBackend
{
    private readonly BlockGraph _graph;
    private readonly BackendOptions _options;
    private readonly Lock _lock = new();
    private ImmutableArray<Queue> _queues = [];
    private BlockStats _closedQueues = new();
    private RequestTotals _elsewhere = RequestTotals.None;
    private readonly long _slowTicks;
    private long _lastFault; // 0: there was none
    private int _heldBack;
    private TaskCompletionSource? _idle;
    private TaskCompletionSource? _released;
    private bool _disposed;

    public Backend(BlockGraph graph, GraphNode node, BackendOptions options)
    {
        _graph = graph;
        _options = options;
        AllowsInactive = options.AllowInactive;
        Link = new RootLink(this, options.ChildName, node);
        _slowTicks = graph.Log.IsEnabled(LogLevel.Warning)
            ? (long)(HostLog.SlowAfter.TotalSeconds * graph.Clock.TimestampFrequency)
            : long.MaxValue;
    }

    public event Action<IBlockBackend>? Resized;

    public RootLink Link { get; }

    public string? Name => _options.Name;

    public string Description => _options.Description
        ?? (_options.Name is { } name ? $"block device '{name}'" : "an unnamed block device");

    public IGraphNode Node => Link.Child;

    public IGraphEdge Edge => Link;

    public BlockProfile Profile => Link.Child.Profile;

    public long Length => Link.Child.Length;

    public bool WriteThrough => _options.WriteThrough;

    public bool StaysAtNode => _options.StaysAtNode;

    public IDrainedUser? DrainedUser => _options.DrainedUser;

    /// <summary>Not a job's link to a node it holds, which has a name of its own.</summary>
    public bool IsRoot => Link.Name == BackendOptions.RootChild;

    public bool AllowGrow => _options.AllowGrow;

    public bool AllowsInactive { get; set; }

    public TimeProvider Clock => _graph.Clock;

    /// <summary>Requests must wait.</summary>
    public bool IsHeldBack => Volatile.Read(ref _heldBack) != 0;

    public BlockStats Stats
    {
        get
        {
            lock (_lock)
            {
                var sum = _closedQueues;
                foreach (var queue in _queues)
                    sum = queue.Counters.AddTo(sum);
                return sum;
            }
        }
    }

    /// <summary>What it has asked of the node it uses now.</summary>
    public RequestTotals TotalsHere => RequestTotals.Of(Stats) - _elsewhere;

    public int InFlight
    {
        get
        {
            lock (_lock)
                return _queues.Sum(queue => queue.InFlight);
        }
    }

    /// <summary>Requests that are under way and did not complete at once.</summary>
    public IEnumerable<RequestFacts> Pending
    {
        get
        {
            ImmutableArray<Queue> queues;
            lock (_lock)
                queues = _queues;
            return queues.SelectMany(queue => queue.Pending);
        }
    }

    /// <summary>Nothing is in flight; what follows counts for another node.</summary>
    public void LeaveTotals() => _elsewhere = RequestTotals.Of(Stats);

    public IBlockQueue OpenQueue()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var queue = new Queue(this);
            _queues = _queues.Add(queue);
            return queue;
        }
    }

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) =>
        Link.CanResize
            ? _graph.ResizeAsync(this, length, options, cancellationToken)
            : ValueTask.FromException(new BlockException(
                BlockErrorKind.PermissionDenied, $"{Description} has no permission to resize node '{Link.Child.Name}'"));

    public ValueTask ChangePermissionsAsync(BlockPermissionSet permissions, CancellationToken cancellationToken) =>
        _graph.ChangePermissionsAsync(this, permissions, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
        }

        // Never released: who still waits, or comes later, is told that the backend is gone.
        HoldBack();
        await WhenIdle().ConfigureAwait(false);
        Volatile.Read(ref _released)!.TrySetResult();
        await _graph.RemoveBackendAsync(this).ConfigureAwait(false);
    }

    /// <summary>From now on new requests wait.</summary>
    public void HoldBack()
    {
        lock (_lock)
        {
            if (_heldBack++ == 0)
                _released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        Interlocked.MemoryBarrier();
    }

    public void Release()
    {
        TaskCompletionSource? released = null;
        lock (_lock)
        {
            if (--_heldBack == 0)
                (released, _released) = (_released, null);
        }

        released?.TrySetResult();
    }

    /// <summary>Completes when nothing is in flight; requests must be held back.</summary>
    public Task WhenIdle()
    {
        lock (_lock)
        {
            if (IsIdle)
                return Task.CompletedTask;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        RequestEnded();
        lock (_lock)
            return _idle?.Task ?? Task.CompletedTask;
    }

    /// <summary>Completes when requests may go on.</summary>
    public Task WhenReleased()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _released?.Task ?? Task.CompletedTask;
        }
    }

    /// <summary>A queue has nothing in flight while requests are held back.</summary>
    public void RequestEnded()
    {
        TaskCompletionSource? idle;
        lock (_lock)
        {
            if (_idle is null || !IsIdle)
                return;
            (idle, _idle) = (_idle, null);
        }

        idle.SetResult();
    }

    public void Closed(Queue queue)
    {
        lock (_lock)
        {
            if (!_queues.Contains(queue))
                return;
            _queues = _queues.Remove(queue);
            _closedQueues = queue.Counters.AddTo(_closedQueues);
        }
    }

    /// <summary>Tells monitors of an error that a client was answered with, where the user of the backend wants that.</summary>
    public void OnFailed(RequestKind kind, Exception error)
    {
        if (PluginFaults.IsExpected(error))
            _graph.Log.RequestFailed(Link.Child.Name, NameOf(kind), error.Message);
        else
            error = Explain(NameOf(kind), error);
        if (_options.ReportErrors
            && error is not (OperationCanceledException or BlockException { Kind: BlockErrorKind.NotSupported }))
            _graph.IoErrorReported(this, kind, error);
    }

    /// <summary>A query of the block status failed, which no monitor hears of.</summary>
    public void OnStatusFailed(Exception error)
    {
        if (!PluginFaults.IsExpected(error))
            Explain("block status", error);
    }

    /// <summary>A request that completed later, or failed, took this long.</summary>
    public void OnTimed(RequestKind kind, long ticks)
    {
        if (ticks > _slowTicks)
            _graph.Log.RequestWasSlow(Link.Child.Name, NameOf(kind), ticks / (double)Clock.TimestampFrequency);
    }

    /// <summary>
    /// A driver's own mistake. At most one stack a second goes to the log, as a faulty driver may fail each request.
    /// </summary>
    private BlockException Explain(string request, Exception error)
    {
        var doing = $"in a request ({request}) of node '{Link.Child.Name}'";
        var (now, last) = (Clock.GetTimestamp(), Volatile.Read(ref _lastFault));
        var isFirst = (last == 0 || now - last > Clock.TimestampFrequency)
            && Interlocked.CompareExchange(ref _lastFault, now, last) == last;
        var faults = _graph.Faults;
        return new BlockException(
            BlockErrorKind.Io,
            isFirst ? faults.Report(error, Link.Child.PluginId, doing) : faults.Describe(error, Link.Child.PluginId, doing));
    }

    internal static string NameOf(RequestKind kind) => kind switch
    {
        RequestKind.Read => "read",
        RequestKind.Write => "write",
        RequestKind.Flush => "flush",
        RequestKind.Status => "block status",
        _ => "discard",
    };

    public void OnResized() => Resized?.Invoke(this);

    private bool IsIdle
    {
        get
        {
            foreach (var queue in _queues)
            {
                if (queue.InFlight != 0)
                    return false;
            }

            return true;
        }
    }
}
