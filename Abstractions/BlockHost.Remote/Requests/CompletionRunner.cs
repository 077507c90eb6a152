// SPDX-License-Identifier: MIT
namespace BlockHost.Remote.Requests;

/// <summary>
/// Runs what awaits answered requests, on threads of the pool and one after another, so that what they ask for next can be sent
/// together. What awaits one may take any time, and may even wait for another: while some are left, there is always a thread on
/// its way for them.
/// </summary>
public sealed class CompletionRunner<T> : IThreadPoolWorkItem
    where T : QueuedRequest
{
    private readonly Lock _gate = new();
    private readonly Action _flush;
    private RequestQueue<T> _done;
    private bool _isScheduled;
    private int _gatheringThread;

    /// <param name="flush">Sends what was asked for meanwhile.</param>
    public CompletionRunner(Action flush) => _flush = flush;

    /// <summary>The caller runs inside an answer that others follow: what it asks for is sent with what they ask for.</summary>
    public bool IsGathering => Volatile.Read(ref _gatheringThread) == Environment.CurrentManagedThreadId;

    public void Run(ref RequestQueue<T> requests)
    {
        if (Add(ref requests))
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
    }

    /// <returns>True: no thread is on its way for them; the caller has to <see cref="Execute"/>.</returns>
    public bool Add(ref RequestQueue<T> requests)
    {
        if (requests.IsEmpty)
            return false;
        lock (_gate)
        {
            _done.Append(ref requests);
            var isFirst = !_isScheduled;
            _isScheduled = true;
            return isFirst;
        }
    }

    public void Execute()
    {
        var gathers = Interlocked.CompareExchange(ref _gatheringThread, Environment.CurrentManagedThreadId, 0) == 0;
        lock (_gate)
            _isScheduled = false;
        while (Next(out var isLast) is { } request)
        {
            if (isLast && gathers)
                EndGathering(ref gathers);
            request.Complete();
        }

        if (gathers)
            EndGathering(ref gathers);
    }

    private T? Next(out bool isLast)
    {
        T? request;
        bool schedule;
        lock (_gate)
        {
            request = _done.TryDequeue();
            isLast = _done.IsEmpty;
            schedule = !isLast && !_isScheduled;
            _isScheduled |= schedule;
        }

        if (schedule)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
        return request;
    }

    private void EndGathering(ref bool gathers)
    {
        gathers = false;
        Volatile.Write(ref _gatheringThread, 0);
        _flush();
    }
}
