// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Conformance.TestHost;

/// <summary>Keeps a list of the operations that arrive.</summary>
public sealed class RecordingChild(IBlockChild inner) : DelegatingChild(inner)
{
    private readonly Lock _lock = new();
    private readonly List<ChildOperation> _operations = [];
    private int _inFlight;

    /// <summary>A copy of what has arrived so far, in order.</summary>
    public IReadOnlyList<ChildOperation> Operations
    {
        get
        {
            lock (_lock)
                return [.. _operations];
        }
    }

    /// <summary>Operations that have begun and not ended.</summary>
    public int InFlight
    {
        get
        {
            lock (_lock)
                return _inFlight;
        }
    }

    public int Count
    {
        get
        {
            lock (_lock)
                return _operations.Count;
        }
    }

    public void Clear()
    {
        lock (_lock)
            _operations.Clear();
    }

    protected override ValueTask BeforeAsync(ChildOperation operation)
    {
        lock (_lock)
        {
            _operations.Add(operation);
            _inFlight++;
        }

        return ValueTask.CompletedTask;
    }

    protected override void After(ChildOperation operation)
    {
        lock (_lock)
            _inFlight--;
    }
}
