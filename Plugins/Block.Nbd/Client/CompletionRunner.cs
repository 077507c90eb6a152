// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>
/// Runs what awaits answered requests, on threads of the pool and one after another, so that what they ask for next can be sent
/// together. What awaits one may take any time, and may even wait for another: while some are left, there is always a thread on
/// its way for them.
/// </summary>
internal sealed class CompletionRunner : IThreadPoolWorkItem
{
    private readonly Lock _gate = new();
    private readonly Action _flush;
    private OperationQueue _done;
    private bool _isScheduled;
    private int _gatheringThread;

    /// <param name="flush">Sends what was asked for meanwhile.</param>
    public CompletionRunner(Action flush) => _flush = flush;

    /// <summary>The caller runs inside an answer that others follow: what it asks for is sent with what they ask for.</summary>
    public bool IsGathering => Volatile.Read(ref _gatheringThread) == Environment.CurrentManagedThreadId;

    public void Run(ref OperationQueue operations)
    {
        if (Add(ref operations))
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
    }

    /// <returns>True: no thread is on its way for them; the caller has to <see cref="Execute"/>.</returns>
    public bool Add(ref OperationQueue operations)
    {
        if (operations.IsEmpty)
            return false;
        lock (_gate)
        {
            _done.Append(ref operations);
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
        while (Next(out var isLast) is { } operation)
        {
            if (isLast && gathers)
                EndGathering(ref gathers);
            operation.Complete();
        }

        if (gathers)
            EndGathering(ref gathers);
    }

    private NbdOperation? Next(out bool isLast)
    {
        NbdOperation? operation;
        bool schedule;
        lock (_gate)
        {
            operation = _done.TryDequeue();
            isLast = _done.IsEmpty;
            schedule = !isLast && !_isScheduled;
            _isScheduled |= schedule;
        }

        if (schedule)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
        return operation;
    }

    private void EndGathering(ref bool gathers)
    {
        gathers = false;
        Volatile.Write(ref _gatheringThread, 0);
        _flush();
    }
}
