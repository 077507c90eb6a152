// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Block.Io;

/// <summary>
/// Orders overlapping requests where one of them reads before it writes. A request waits for those that came before it,
/// overlap it, and of which one of the two is serialising; as it waits for older ones only, there is no deadlock.
/// </summary>
internal sealed class RequestTracker
{
    private readonly Lock _lock = new();
    private Request? _newest;

    /// <summary>Enters [<paramref name="start"/>, <paramref name="end"/>) and waits for its turn; <see cref="End"/> must follow.</summary>
    public async ValueTask<Request> BeginAsync(long start, long end, bool serialising)
    {
        var request = new Request(start, end, serialising);
        lock (_lock)
        {
            request.Older = _newest;
            if (_newest is not null)
                _newest.Newer = request;
            _newest = request;
        }

        while (FirstConflict(request) is { } conflict)
            await conflict.ConfigureAwait(false);
        return request;
    }

    public void End(Request request)
    {
        lock (_lock)
        {
            if (request.Newer is not null)
                request.Newer.Older = request.Older;
            else
                _newest = request.Older;
            if (request.Older is not null)
                request.Older.Newer = request.Newer;
        }

        request.Done?.SetResult();
    }

    private Task? FirstConflict(Request request)
    {
        lock (_lock)
        {
            for (var older = request.Older; older is not null; older = older.Older)
            {
                if (older.ConflictsWith(request))
                    return (older.Done ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
        }

        return null;
    }

    internal sealed class Request(long start, long end, bool serialising)
    {
        public Request? Older { get; set; }

        public Request? Newer { get; set; }

        /// <summary>Made when somebody waits.</summary>
        public TaskCompletionSource? Done { get; set; }

        private long Start { get; } = start;

        private long End { get; } = end;

        private bool Serialising { get; } = serialising;

        public bool ConflictsWith(Request other) =>
            (Serialising || other.Serialising) && Start < other.End && other.Start < End;
    }
}
