// SPDX-License-Identifier: MIT
using BlockHost.Core.Logging;

namespace BlockHost.Core.Block;

/// <summary>
/// Looks now and then for requests that have waited too long, and logs each once. A line comes late by a tenth of the limit at
/// most, but an idle daemon is not woken every second for it.
/// </summary>
public sealed class RequestWatch : IDisposable
{
    private static readonly TimeSpan ShortestInterval = TimeSpan.FromSeconds(1);

    private readonly BlockGraph _graph;
    private readonly TimeSpan _limit;
    private readonly ITimer _timer;
    private HashSet<(GraphNode, RequestFacts)> _told = [];
    private int _isLooking;

    /// <param name="limit">How long a request may wait without a line.</param>
    public RequestWatch(BlockGraph graph, TimeSpan limit)
    {
        (_graph, _limit) = (graph, limit);
        var interval = limit / 10 > ShortestInterval ? limit / 10 : ShortestInterval;
        _timer = graph.Clock.CreateTimer(static own => ((RequestWatch)own!).Look(), this, interval, interval);
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
