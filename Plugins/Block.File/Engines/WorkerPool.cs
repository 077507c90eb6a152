// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>
/// Threads that block in system calls, so that no thread of the runtime's pool does: it has about one a processor and
/// grows too slowly for a queue of disk requests. Started on demand, at most 64, gone after some idle seconds. The
/// thread that went idle last works first: its caches are warm, and the others can end.
/// </summary>
internal sealed class WorkerPool : IAsyncDisposable
{
    private const int MaxThreads = 64;
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly List<Worker> _idle = new(MaxThreads);
    private FileRequest? _head;
    private FileRequest? _tail;
    private int _threads;
    private bool _stopping;
    private TaskCompletionSource? _lastGone;

    /// <summary>Threads that exist now.</summary>
    internal int ThreadCount
    {
        get
        {
            lock (_lock)
                return _threads;
        }
    }

    internal void Enqueue(FileRequest request)
    {
        Worker? worker;
        var isNew = false;
        lock (_lock)
        {
            if (_stopping)
            {
                worker = null;
            }
            else if (_idle.Count > 0)
            {
                worker = _idle[^1];
                _idle.RemoveAt(_idle.Count - 1);
                worker.Request = request;
            }
            else if (_threads < MaxThreads)
            {
                worker = new Worker(this) { Request = request };
                isNew = true;
                _threads++;
            }
            else
            {
                Append(request);
                return;
            }
        }

        if (worker is null)
            request.Complete(Errno.ESHUTDOWN, continueElsewhere: true);
        else if (isNew)
            worker.Start();
        else
            worker.Wake();
    }

    /// <summary>Lets what is queued finish; completes when the last thread ends.</summary>
    public async ValueTask DisposeAsync()
    {
        Worker[] idle;
        Task lastGone;
        lock (_lock)
        {
            _stopping = true;
            _lastGone ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_threads == 0)
                _lastGone.TrySetResult();
            lastGone = _lastGone.Task;
            idle = [.. _idle];
        }

        foreach (var worker in idle)
            worker.Wake();
        await lastGone.ConfigureAwait(false);
    }

    private void Append(FileRequest request)
    {
        if (_tail is null)
            _head = request;
        else
            _tail.Next = request;
        _tail = request;
    }

    /// <summary>The next request for a thread that has done one, or null after it was put among the idle.</summary>
    private FileRequest? TakeOrRest(Worker worker)
    {
        lock (_lock)
        {
            worker.Request = null;
            if (_head is not { } request)
            {
                _idle.Add(worker);
                return null;
            }

            _head = request.Next;
            if (_head is null)
                _tail = null;
            request.Next = null;
            return request;
        }
    }

    /// <summary>Called by an idle thread that has slept enough. False: it was given a request meanwhile.</summary>
    private bool TryLeave(Worker worker)
    {
        lock (_lock)
        {
            if (!_idle.Remove(worker))
                return false;
            if (--_threads == 0)
                _lastGone?.TrySetResult();
            return true;
        }
    }

    private sealed class Worker(WorkerPool pool)
    {
        private readonly Futex _wake = new();

        /// <summary>Set under the pool's lock, before the thread is started or woken.</summary>
        internal FileRequest? Request { get; set; }

        internal void Start() => PluginThread.Start("blockhost-file", Work);

        internal void Wake() => _wake.Wake();

        private void Work()
        {
            while (true)
            {
                for (var request = Request; request is not null; request = pool.TakeOrRest(this))
                    request.Run();

                // Idle: woken with a request, woken because the pool stops, or nothing came.
                while (Request is null)
                {
                    var woken = !pool._stopping && _wake.Wait(IdleTime);
                    if ((!woken || pool._stopping) && pool.TryLeave(this))
                        return;
                }
            }
        }
    }
}
