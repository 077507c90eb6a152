// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>
/// Threads that block in system calls, so that no thread of the runtime's pool does: it has about one a processor and
/// grows too slowly for a queue of disk requests. Started on demand, at most 64, gone after some idle seconds.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    private const int MaxThreads = 64;
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(5);

    private readonly object _gate = new();
    private FileRequest? _head;
    private FileRequest? _tail;
    private int _queued;
    private int _idle;
    private int _threads;
    private bool _stopping;

    /// <summary>Threads that exist now.</summary>
    internal int ThreadCount
    {
        get
        {
            lock (_gate)
                return _threads;
        }
    }

    internal void Enqueue(FileRequest request)
    {
        lock (_gate)
        {
            if (!_stopping)
            {
                Append(request);
                return;
            }
        }

        request.Complete(Errno.ESHUTDOWN, continueElsewhere: true);
    }

    /// <summary>Lets what is queued finish and the threads end.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void Append(FileRequest request)
    {
        if (_tail is null)
            _head = request;
        else
            _tail.Next = request;
        _tail = request;
        _queued++;
        if (_queued > _idle && _threads < MaxThreads)
            StartThread();
        else
            Monitor.Pulse(_gate);
    }

    private void StartThread()
    {
        _threads++;
        new Thread(Work) { IsBackground = true, Name = "blockhost-file" }.UnsafeStart();
    }

    private void Work()
    {
        while (Take() is { } request)
            request.Run();
    }

    /// <summary>Waits for a request; null when this thread is to end.</summary>
    private FileRequest? Take()
    {
        lock (_gate)
        {
            while (_head is null)
            {
                _idle++;
                var woken = !_stopping && Monitor.Wait(_gate, IdleTime);
                _idle--;
                if (_head is null && (!woken || _stopping))
                {
                    _threads--;
                    return null;
                }
            }

            var request = _head;
            _head = request.Next;
            if (_head is null)
                _tail = null;
            request.Next = null;
            _queued--;
            return request;
        }
    }
}
