// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace BlockHost.Remote.Requests;

/// <summary>A request that waits in queues: in one at a time.</summary>
public abstract class QueuedRequest
{
    internal QueuedRequest? Next { get; set; }

    /// <summary>Runs whatever awaits it.</summary>
    public abstract void Complete();
}

/// <summary>Requests of one type in order, linked through themselves: queueing allocates nothing.</summary>
public struct RequestQueue<T>
    where T : QueuedRequest
{
    private T? _first;
    private T? _last;

    public readonly bool IsEmpty => _first is null;

    public void Enqueue(T request)
    {
        request.Next = null;
        if (_last is null)
            _first = request;
        else
            _last.Next = request;
        _last = request;
    }

    /// <summary>The other queue's requests follow this one's.</summary>
    public void Append(ref RequestQueue<T> other)
    {
        while (other.TryDequeue() is { } request)
            Enqueue(request);
    }

    public T? TryDequeue()
    {
        if (_first is not { } request)
            return null;
        // Only requests of this type get in.
        _first = Unsafe.As<T>(request.Next);
        if (_first is null)
            _last = null;
        request.Next = null;
        return request;
    }
}
