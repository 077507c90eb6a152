// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Filter.CopyOnRead;

/// <summary>
/// Keeps a copy and a write of the same bytes apart: a copy that read before the write and writes after it would bring old
/// data back. A request waits for older ones only, so there is no deadlock.
/// </summary>
internal sealed class RangeOrder
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Entry> _entries = [];

    /// <summary>Waits for its turn; dispose the result when the request is done.</summary>
    public async ValueTask<IDisposable> EnterAsync(long start, long end, bool isCopy)
    {
        var entry = new Entry(this, start, end, isCopy);
        lock (_lock)
            entry.Place = _entries.AddLast(entry);
        while (FirstConflict(entry) is { } conflict)
            await conflict.ConfigureAwait(false);
        return entry;
    }

    private Task? FirstConflict(Entry entry)
    {
        lock (_lock)
        {
            for (var older = entry.Place!.Previous; older is not null; older = older.Previous)
            {
                if (older.Value.ConflictsWith(entry))
                    return older.Value.Done.Task;
            }
        }

        return null;
    }

    private void Leave(Entry entry)
    {
        lock (_lock)
            _entries.Remove(entry.Place!);
        entry.Done.SetResult();
    }

    private sealed class Entry(RangeOrder order, long start, long end, bool isCopy) : IDisposable
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public LinkedListNode<Entry>? Place { get; set; }

        private long Start { get; } = start;

        private long End { get; } = end;

        private bool IsCopy { get; } = isCopy;

        public bool ConflictsWith(Entry other) => (IsCopy || other.IsCopy) && Start < other.End && other.Start < End;

        public void Dispose() => order.Leave(this);
    }
}
