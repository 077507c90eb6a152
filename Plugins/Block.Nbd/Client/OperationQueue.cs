// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>
/// Requests in order, linked through themselves: queueing allocates nothing. A request is in one queue at a time.
/// </summary>
internal struct OperationQueue
{
    private NbdOperation? _first;
    private NbdOperation? _last;

    public readonly bool IsEmpty => _first is null;

    public void Enqueue(NbdOperation operation)
    {
        operation.Next = null;
        if (_last is null)
            _first = operation;
        else
            _last.Next = operation;
        _last = operation;
    }

    /// <summary>The other queue's requests follow this one's.</summary>
    public void Append(ref OperationQueue other)
    {
        while (other.TryDequeue() is { } operation)
            Enqueue(operation);
    }

    public NbdOperation? TryDequeue()
    {
        if (_first is not { } operation)
            return null;
        _first = operation.Next;
        if (_first is null)
            _last = null;
        operation.Next = null;
        return operation;
    }
}
