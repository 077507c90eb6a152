// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>
/// Orders overlapping requests where one of them reads before it writes: a filter that copies, a node that merges parts of
/// blocks. A request waits for those that came before it, overlap it, and of which one of the two is exclusive; as it waits
/// for older ones only, there is no deadlock.
/// </summary>
public sealed class RangeLock
{
    private readonly Lock _lock = new();
    private Hold? _newest;

    /// <summary>Enters a range of bytes and waits for its turn; dispose the answer to leave it.</summary>
    /// <param name="exclusive">Nobody else may be in the range; else others that are not exclusive may.</param>
    public async ValueTask<Hold> EnterAsync(long offset, long bytes, bool exclusive)
    {
        var hold = new Hold(this, offset, offset + bytes, exclusive);
        lock (_lock)
        {
            hold.Older = _newest;
            if (_newest is not null)
                _newest.Newer = hold;
            _newest = hold;
        }

        while (FirstConflict(hold) is { } conflict)
            await conflict.ConfigureAwait(false);
        return hold;
    }

    private void Leave(Hold hold)
    {
        lock (_lock)
        {
            if (hold.Newer is not null)
                hold.Newer.Older = hold.Older;
            else
                _newest = hold.Older;
            if (hold.Older is not null)
                hold.Older.Newer = hold.Newer;
        }

        hold.Done?.SetResult();
    }

    private Task? FirstConflict(Hold hold)
    {
        lock (_lock)
        {
            for (var older = hold.Older; older is not null; older = older.Older)
            {
                if (older.ConflictsWith(hold))
                    return (older.Done ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
        }

        return null;
    }

    /// <summary>One request's stay in its range. Disposed once.</summary>
    public sealed class Hold : IDisposable
    {
        private readonly RangeLock _owner;
        private readonly long _start;
        private readonly long _end;
        private readonly bool _exclusive;

        internal Hold(RangeLock owner, long start, long end, bool exclusive)
        {
            _owner = owner;
            _start = start;
            _end = end;
            _exclusive = exclusive;
        }

        internal Hold? Older { get; set; }

        internal Hold? Newer { get; set; }

        /// <summary>Made when somebody waits.</summary>
        internal TaskCompletionSource? Done { get; set; }

        public void Dispose() => _owner.Leave(this);

        internal bool ConflictsWith(Hold other) => (_exclusive || other._exclusive) && _start < other._end && other._start < _end;
    }
}
