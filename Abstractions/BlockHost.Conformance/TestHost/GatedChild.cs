// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Conformance.TestHost;

/// <summary>Holds operations back until they are let through, one by one and in any order.</summary>
public sealed class GatedChild(IBlockChild inner) : DelegatingChild(inner)
{
    private readonly Lock _lock = new();
    private readonly List<(ChildOperation Operation, TaskCompletionSource Gate)> _waiting = [];
    private bool _closed;

    /// <summary>Operations that wait now, oldest first.</summary>
    public IReadOnlyList<ChildOperation> Waiting
    {
        get
        {
            lock (_lock)
                return [.. _waiting.Select(w => w.Operation)];
        }
    }

    public int WaitingCount
    {
        get
        {
            lock (_lock)
                return _waiting.Count;
        }
    }

    /// <summary>From now on operations wait.</summary>
    public void Shut()
    {
        lock (_lock)
            _closed = true;
    }

    /// <summary>Lets all that wait go on, and what comes later pass.</summary>
    public void Open()
    {
        (ChildOperation, TaskCompletionSource Gate)[] all;
        lock (_lock)
        {
            _closed = false;
            all = [.. _waiting];
            _waiting.Clear();
        }

        foreach (var (_, gate) in all)
            gate.SetResult();
    }

    /// <summary>Lets one waiting operation go on, on the caller's thread until it suspends again.</summary>
    /// <returns>False where none waits at that position.</returns>
    public bool Release(int index = 0)
    {
        TaskCompletionSource gate;
        lock (_lock)
        {
            if (index >= _waiting.Count)
                return false;
            gate = _waiting[index].Gate;
            _waiting.RemoveAt(index);
        }

        gate.SetResult();
        return true;
    }

    protected override ValueTask BeforeAsync(ChildOperation operation)
    {
        lock (_lock)
        {
            if (!_closed)
                return ValueTask.CompletedTask;
            // Continuations run on the releasing thread: a single-threaded test then sees one order for one seed.
            var gate = new TaskCompletionSource();
            _waiting.Add((operation, gate));
            return new ValueTask(gate.Task);
        }
    }
}
