// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Block;

/// <summary>Requests that are under way: looked at without any lock that a request can hold.</summary>
public sealed partial class BlockGraph
{
    /// <summary>
    /// Every request of a user, and every one of the graph's own to a peer, that has waited for at least <paramref name="age"/>;
    /// oldest first.
    /// </summary>
    internal IReadOnlyList<StuckRequest> RequestsOlderThan(TimeSpan age)
    {
        var ofUsers =
            from backend in _backends
            from request in backend.Pending
            select new StuckRequest(backend.Link.Child, backend, request, Clock.GetElapsedTime(request.Start));
        var toPeers =
            from node in _listed
            from request in node.Unanswered
            select new StuckRequest(node, null, request, Clock.GetElapsedTime(request.Start));
        return [.. ofUsers.Concat(toPeers).Where(request => request.Age >= age).OrderByDescending(request => request.Age)];
    }
}

/// <summary>A request that has not been answered yet.</summary>
/// <param name="Node">Where it entered the graph, or whose peer it was sent to.</param>
/// <param name="User">Who made it; null: the graph itself, for a user's request or a job's.</param>
internal sealed record StuckRequest(GraphNode Node, Backend? User, RequestFacts Request, TimeSpan Age)
{
    /// <summary>Nodes whose peers it may wait for.</summary>
    public IReadOnlyList<GraphNode> Peers { get; } = [.. Node.Peers];

    /// <summary>For people: "far (nbd://host/disk)".</summary>
    public string PeersText => Peers.Count == 0
        ? "nothing that can be yanked"
        : string.Join(", ", Peers.Select(peer => $"{peer.Name} ({peer.FileName})"));
}
