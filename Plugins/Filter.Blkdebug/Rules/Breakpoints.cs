// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Filter.Blkdebug.Rules;

/// <summary>Requests that stop at events until they are told to go on. A breakpoint stops one request.</summary>
internal sealed class Breakpoints : IBreakpoints
{
    private readonly Lock _lock = new();
    private readonly List<Breakpoint> _waiting = [];
    private readonly List<Stop> _stops = [];
    private readonly List<(string Tag, TaskCompletionSource Reached)> _watchers = [];
    private volatile bool _isUsed;

    public void Add(BlkdebugEvent @event, string tag, Action<bool> report)
    {
        lock (_lock)
            _waiting.Add(new Breakpoint(@event, tag, report));
        _isUsed = true;
    }

    public bool TryRemove(string tag)
    {
        bool any;
        lock (_lock)
            any = _waiting.RemoveAll(breakpoint => breakpoint.Tag == tag) > 0;
        while (TryResume(tag))
        {
        }

        return any;
    }

    public bool TryResume(string tag)
    {
        Stop? stop;
        lock (_lock)
        {
            stop = _stops.FindLast(stopped => stopped.At.Tag == tag);
            if (stop is null)
                return false;
            _stops.Remove(stop);
        }

        stop.GoOn();
        return true;
    }

    public Task WhenSuspendedAsync(string tag, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_stops.Exists(stop => stop.At.Tag == tag))
                return Task.CompletedTask;
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _watchers.Add((tag, reached));
            return reached.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Completes when the request that has fired the event may go on.</summary>
    public ValueTask OnAsync(BlkdebugEvent @event) => _isUsed ? StopAsync(@event) : default;

    /// <summary>Lets everything go on: whoever waits for the node to be quiet would wait for ever.</summary>
    public void ResumeAll()
    {
        List<Stop> stops;
        lock (_lock)
        {
            stops = [.. _stops];
            _stops.Clear();
        }

        stops.ForEach(stop => stop.GoOn());
    }

    private async ValueTask StopAsync(BlkdebugEvent @event)
    {
        List<Stop> stops;
        lock (_lock)
        {
            // Newest first, as all rules.
            stops = [.. _waiting.Where(breakpoint => breakpoint.Event == @event).Reverse()
                .Select(breakpoint => new Stop(breakpoint))];
            _waiting.RemoveAll(breakpoint => breakpoint.Event == @event);
            _stops.AddRange(stops);
        }

        foreach (var stop in stops)
        {
            stop.At.Report(true);
            Tell(stop.At.Tag);
        }

        foreach (var stop in stops)
            await stop.Released.ConfigureAwait(false);
    }

    private void Tell(string tag)
    {
        lock (_lock)
        {
            foreach (var (_, reached) in _watchers.Where(watcher => watcher.Tag == tag))
                reached.TrySetResult();
            _watchers.RemoveAll(watcher => watcher.Tag == tag);
        }
    }

    private sealed record Breakpoint(BlkdebugEvent Event, string Tag, Action<bool> Report);

    /// <summary>A request that has stopped.</summary>
    private sealed class Stop(Breakpoint at)
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Breakpoint At { get; } = at;

        public Task Released => _released.Task;

        public void GoOn()
        {
            At.Report(false);
            _released.SetResult();
        }
    }
}
