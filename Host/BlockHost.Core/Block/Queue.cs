// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block;

/// <summary>
/// The data plane of a backend. A request that completes at once costs no allocation and no state machine; one that does
/// not is carried by a <see cref="PendingRequest"/> that the queue reuses.
/// </summary>
internal sealed class Queue(Backend backend) : IBlockQueue
{
    private readonly Lock _poolLock = new();
    private PendingRequest? _pool;
    private ImmutableList<PendingRequest> _everyRequest = [];
    private int _inFlight;
    private TaskCompletionSource? _closing;

    public QueueCounters Counters { get; } = new(backend.Clock);

    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Those that are under way now and did not complete at once.</summary>
    public IEnumerable<RequestFacts> Pending
    {
        get
        {
            foreach (var request in Volatile.Read(ref _everyRequest))
            {
                if (request.Facts is { } facts)
                    yield return facts;
            }
        }
    }

    private GraphNode Node => backend.Link.Child;

    public ValueTask<IoStatus> ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        if (!TryEnter())
            return ReadWhenReleasedAsync(offset, target, flags, cancellationToken);
        var start = Counters.Begin();
        var bytes = target.Length;
        try
        {
            var node = Node;
            if (!IsInBounds(offset, bytes, node.Length))
                return new(Refuse(RequestKind.Read, Errno.EIO));
            return Finish(
                node.ReadAsync(offset, target, flags, cancellationToken), RequestKind.Read, offset, bytes, start);
        }
        catch (Exception e)
        {
            return new(Fail(RequestKind.Read, start, e));
        }
    }

    public ValueTask<IoStatus> WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        if (!TryEnter())
            return WriteWhenReleasedAsync(offset, source, flags, cancellationToken);
        var start = Counters.Begin();
        var bytes = source.Length;
        try
        {
            var node = Node;
            if (CheckWrite(offset, bytes, (flags & WriteFlags.Unchanged) != 0, node) is var errno and not 0)
                return new(Refuse(RequestKind.Write, errno));
            if (backend.WriteThrough)
                flags |= WriteFlags.Fua;
            return Finish(
                node.WriteAsync(offset, source, flags, MayGrow, cancellationToken), RequestKind.Write, offset, bytes, start);
        }
        catch (Exception e)
        {
            return new(Fail(RequestKind.Write, start, e));
        }
    }

    public ValueTask<IoStatus> WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        if (!TryEnter())
            return WriteZeroesWhenReleasedAsync(offset, bytes, flags, cancellationToken);
        var start = Counters.Begin();
        try
        {
            var node = Node;
            if (CheckWrite(offset, bytes, (flags & ZeroFlags.Unchanged) != 0, node) is var errno and not 0)
                return new(Refuse(RequestKind.Write, errno));
            if (backend.WriteThrough)
                flags |= ZeroFlags.Fua;
            return Finish(
                node.WriteZeroesAsync(offset, bytes, flags, MayGrow, cancellationToken), RequestKind.Write, offset, bytes, start);
        }
        catch (Exception e)
        {
            return new(Fail(RequestKind.Write, start, e));
        }
    }

    public ValueTask<IoStatus> DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        if (!TryEnter())
            return DiscardWhenReleasedAsync(offset, bytes, cancellationToken);
        var start = Counters.Begin();
        try
        {
            var node = Node;
            if (CheckWrite(offset, bytes, unchanged: true, node) is var errno and not 0)
                return new(Refuse(RequestKind.Unmap, errno));
            if (!IsInBounds(offset, bytes, node.Length))
                return new(Refuse(RequestKind.Unmap, Errno.EIO));
            return Finish(node.DiscardAsync(offset, bytes, cancellationToken), RequestKind.Unmap, offset, bytes, start);
        }
        catch (Exception e)
        {
            return new(Fail(RequestKind.Unmap, start, e));
        }
    }

    public ValueTask<IoStatus> FlushAsync(CancellationToken cancellationToken)
    {
        if (!TryEnter())
            return FlushWhenReleasedAsync(cancellationToken);
        var start = Counters.Begin();
        try
        {
            return Finish(Node.FlushAsync(cancellationToken), RequestKind.Flush, 0, 0, start);
        }
        catch (Exception e)
        {
            return new(Fail(RequestKind.Flush, start, e));
        }
    }

    public async ValueTask<ChainStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        while (!TryEnter())
            await backend.WhenReleased().WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!IsInBounds(offset, bytes, Node.Length) || bytes == 0)
                return Failed(new IoStatus(Errno.EINVAL));
            return await Node.GetChainStatusAsync(offset, bytes, precision, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            backend.OnStatusFailed(e);
            return Failed(ToStatus(e));
        }
        finally
        {
            Exit();
        }

        static ChainStatus Failed(IoStatus status) => new(status, 0, BlockStatusFlags.None, 0, 0, File: null);
    }

    /// <summary>Has what is no request of the queue's held back, and waited for, like one.</summary>
    public async ValueTask RunAsync(Func<GraphNode, ValueTask> work, CancellationToken cancellationToken)
    {
        while (!TryEnter())
            await backend.WhenReleased().WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await work(Node).ConfigureAwait(false);
        }
        finally
        {
            Exit();
        }
    }

    public async ValueTask DisposeAsync()
    {
        var closing = Interlocked.CompareExchange(
            ref _closing, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), null) ?? _closing;
        if (InFlight == 0)
            closing.TrySetResult();
        await closing.Task.ConfigureAwait(false);
        backend.Closed(this);
    }

    /// <summary>Counts a request that has completed later.</summary>
    public IoStatus Complete(RequestKind kind, long bytes, long start)
    {
        backend.OnTimed(kind, Counters.Completed(kind, bytes, start));
        Exit();
        return IoStatus.Ok;
    }

    public IoStatus Fail(RequestKind kind, long start, Exception error)
    {
        backend.OnTimed(kind, Counters.Failed(kind, start));
        backend.OnFailed(kind, error);
        Exit();
        return ToStatus(error);
    }

    public void GiveBack(PendingRequest request)
    {
        lock (_poolLock)
        {
            request.Next = _pool;
            _pool = request;
        }
    }

    private bool MayGrow => backend.AllowGrow && backend.Link.CanResize;

    private bool TryEnter()
    {
        Interlocked.Increment(ref _inFlight);
        if (!backend.IsHeldBack)
            return true;
        Exit();
        return false;
    }

    private void Exit()
    {
        if (Interlocked.Decrement(ref _inFlight) != 0)
            return;
        Volatile.Read(ref _closing)?.TrySetResult();
        if (backend.IsHeldBack)
            backend.RequestEnded();
    }

    private ValueTask<IoStatus> Finish(ValueTask task, RequestKind kind, long offset, long bytes, long start)
    {
        if (!task.IsCompletedSuccessfully)
            return Take().Await(task, kind, offset, bytes, Counters.BeginLater(start));
        task.GetAwaiter().GetResult();
        Counters.CompletedAtOnce(kind, bytes, start);
        Exit();
        return new(IoStatus.Ok);
    }

    private PendingRequest Take()
    {
        lock (_poolLock)
        {
            if (_pool is { } request)
            {
                _pool = request.Next;
                request.Next = null;
                return request;
            }
        }

        var added = new PendingRequest(this);
        ImmutableInterlocked.Update(ref _everyRequest, static (all, one) => all.Add(one), added);
        return added;
    }

    private IoStatus Refuse(RequestKind kind, int errno)
    {
        Counters.Refused(kind);
        Exit();
        return new IoStatus(errno);
    }

    private int CheckWrite(long offset, long bytes, bool unchanged, GraphNode node)
    {
        if (!(backend.Link.CanWrite || (unchanged && backend.Link.CanWriteUnchanged)))
            return Errno.EPERM;
        if (IsInBounds(offset, bytes, node.Length))
            return 0;
        return MayGrow && node.Profile.Growable && IsInBounds(offset, bytes, long.MaxValue) ? 0 : Errno.EIO;
    }

    private static bool IsInBounds(long offset, long bytes, long length) =>
        offset >= 0 && bytes >= 0 && offset <= length && bytes <= length - offset;

    private static IoStatus ToStatus(Exception error) => error switch
    {
        BlockException e => new IoStatus(e.Errno),
        OperationCanceledException => new IoStatus(Errno.ECANCELED),
        _ => new IoStatus(Errno.EIO),
    };

    private async ValueTask<IoStatus> ReadWhenReleasedAsync(
        long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        await ReleasedAsync(cancellationToken).ConfigureAwait(false) is { IsOk: false } failed
            ? failed
            : await ReadAsync(offset, target, flags, cancellationToken).ConfigureAwait(false);

    private async ValueTask<IoStatus> WriteWhenReleasedAsync(
        long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        await ReleasedAsync(cancellationToken).ConfigureAwait(false) is { IsOk: false } failed
            ? failed
            : await WriteAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);

    private async ValueTask<IoStatus> WriteZeroesWhenReleasedAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        await ReleasedAsync(cancellationToken).ConfigureAwait(false) is { IsOk: false } failed
            ? failed
            : await WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);

    private async ValueTask<IoStatus> DiscardWhenReleasedAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        await ReleasedAsync(cancellationToken).ConfigureAwait(false) is { IsOk: false } failed
            ? failed
            : await DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);

    private async ValueTask<IoStatus> FlushWhenReleasedAsync(CancellationToken cancellationToken) =>
        await ReleasedAsync(cancellationToken).ConfigureAwait(false) is { IsOk: false } failed
            ? failed
            : await FlushAsync(cancellationToken).ConfigureAwait(false);

    private async ValueTask<IoStatus> ReleasedAsync(CancellationToken cancellationToken)
    {
        try
        {
            await backend.WhenReleased().WaitAsync(cancellationToken).ConfigureAwait(false);
            return IoStatus.Ok;
        }
        catch (OperationCanceledException)
        {
            return new IoStatus(Errno.ECANCELED);
        }
        catch (ObjectDisposedException)
        {
            return new IoStatus(Errno.ESHUTDOWN);
        }
    }
}
