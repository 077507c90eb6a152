// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using BlockHost.Block;

namespace BlockHost.Core.Block;

/// <summary>A request that is under way: <paramref name="Start"/> is the clock's when it began.</summary>
internal readonly record struct RequestFacts(RequestKind Kind, long Offset, long Bytes, long Start);

/// <summary>
/// One request of a queue that did not complete at once: waits for the graph's task, answers with a status. Belongs to
/// its queue and is used again when its answer has been taken.
/// </summary>
internal sealed class PendingRequest : IValueTaskSource<IoStatus>
{
    private readonly Queue _queue;
    private readonly Action _onCompleted;
    private ManualResetValueTaskSourceCore<IoStatus> _core;
    private ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter _awaiter;
    private RequestKind _kind;
    private long _offset;
    private long _bytes;
    private long _start; // 0: it is in the pool

    public PendingRequest(Queue queue)
    {
        _queue = queue;
        _onCompleted = OnCompleted;
    }

    public PendingRequest? Next { get; set; }

    /// <summary>What is under way; null: nothing. Where the request is used again meanwhile, it is looked at again.</summary>
    public RequestFacts? Facts
    {
        get
        {
            while (true)
            {
                var start = Volatile.Read(ref _start);
                if (start == 0)
                    return null;
                var facts = new RequestFacts(_kind, _offset, _bytes, start);
                Thread.MemoryBarrier();
                if (Volatile.Read(ref _start) == start)
                    return facts;
            }
        }
    }

    public ValueTask<IoStatus> Await(ValueTask task, RequestKind kind, long offset, long bytes, long start)
    {
        (_kind, _offset, _bytes) = (kind, offset, bytes);
        Volatile.Write(ref _start, start);
        var answer = new ValueTask<IoStatus>(this, _core.Version);
        _awaiter = task.ConfigureAwait(false).GetAwaiter();
        if (_awaiter.IsCompleted)
            OnCompleted();
        else
            _awaiter.UnsafeOnCompleted(_onCompleted);
        return answer;
    }

    public IoStatus GetResult(short token)
    {
        var status = _core.GetResult(token);
        _core.Reset();
        _queue.GiveBack(this);
        return status;
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private void OnCompleted()
    {
        IoStatus status;
        var start = _start;
        Volatile.Write(ref _start, 0);
        try
        {
            _awaiter.GetResult();
            status = _queue.Complete(_kind, _bytes, start);
        }
        catch (Exception e)
        {
            status = _queue.Fail(_kind, start, e);
        }

        _awaiter = default;
        _core.SetResult(status);
    }
}
