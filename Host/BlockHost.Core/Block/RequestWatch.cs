// SPDX-License-Identifier: MIT
using BlockHost.Core.Logging;

namespace BlockHost.Core.Block;

/// <summary>Looks once a second for requests that have waited too long, and logs each once.</summary>
public sealed class RequestWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly BlockGraph _graph;
    private readonly TimeSpan _limit;
    private readonly ITimer _timer;
    private HashSet<(GraphNode, RequestFacts)> _told = [];
    private int _isLooking;

    /// <param name="limit">How long a request may wait without a line.</param>
    public RequestWatch(BlockGraph graph, TimeSpan limit)
    {
        (_graph, _limit) = (graph, limit);
        _timer = graph.Clock.CreateTimer(static own => ((RequestWatch)own!).Look(), this, Interval, Interval);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        if (Interlocked.Exchange(ref _isLooking, 1) != 0)
            return;
        var stuck = _graph.RequestsOlderThan(_limit);
        foreach (var request in stuck)
        {
            if (!_told.Contains((request.Node, request.Request)))
                _graph.Log.RequestIsStuck(
                    request.Node.Name, Backend.NameOf(request.Request.Kind), request.Age.TotalSeconds, request.PeersText);
        }

        _told = [.. stuck.Select(request => (request.Node, request.Request))];
        Volatile.Write(ref _isLooking, 0);
    }
}
