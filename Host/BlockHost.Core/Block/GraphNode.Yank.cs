// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Block;
using BlockHost.Core.Block.Io;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Logging;

namespace BlockHost.Core.Block;

/// <summary>What can be given up of a node whose peer does not answer, and a deadline after which it is.</summary>
internal sealed partial class GraphNode
{
    private ImmutableList<Action> _yanks = [];
    private BlockNode? _driversNode;

    /// <summary>The node itself has a peer that may never answer.</summary>
    public bool CanBeYanked => !Volatile.Read(ref _yanks).IsEmpty;

    /// <summary>What the driver has been asked and has not answered; nothing of a node that is not watched.</summary>
    public IReadOnlyList<RequestFacts> Unanswered => (_node as WatchedNode)?.Requests.Pending ?? [];

    /// <summary>The nodes that a request to this one may wait for: those that can be yanked, here and below.</summary>
    public IEnumerable<GraphNode> Peers
    {
        get
        {
            // In an order that needs no set where the graph is a chain, and that ends where it is not.
            var seen = new HashSet<GraphNode>();
            var left = new Stack<GraphNode>([this]);
            while (left.TryPop(out var node))
            {
                if (!seen.Add(node))
                    continue;
                if (node.CanBeYanked)
                    yield return node;
                foreach (var link in node.ChildLinks)
                    left.Push(link.Child);
            }
        }
    }

    /// <summary>Takes <paramref name="shutDown"/> until the result is disposed.</summary>
    public IDisposable AddYank(Action shutDown)
    {
        ImmutableInterlocked.Update(ref _yanks, static (all, added) => all.Add(added), shutDown);
        return new YankRegistration(this, shutDown);
    }

    /// <summary>Gives the node's peer up. Any thread, no lock.</summary>
    public void Yank()
    {
        foreach (var shutDown in Volatile.Read(ref _yanks))
            shutDown();
    }

    /// <summary>Puts the driver's half in its place.</summary>
    private void Place(BlockNode node)
    {
        (_node as WatchedNode)?.Requests.Dispose();
        _driversNode = node;
        _node = node;
        _node = Watched(node);
    }

    /// <summary>The driver's half, watched where it has a peer or its requests have a deadline.</summary>
    private BlockNode Watched(BlockNode node)
    {
        if (Generic.Deadline is not null && !Peers.Any())
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                $"'{GenericOptions.DeadlineName}' is for nodes that can be yanked, and no peer of node '{Name}' can be given up")
            { NodeName = Name };
        return Generic.Deadline is null && !CanBeYanked
            ? node
            : new WatchedNode(node, new LateRequests(_graph.Clock, Generic.Deadline, MissedDeadline));
    }

    private void MissedDeadline(RequestKind kind, TimeSpan age)
    {
        _graph.Log.DeadlineMissed(Name, Backend.NameOf(kind), age.TotalSeconds);
        foreach (var peer in Peers)
            peer.Yank();
    }

    private sealed class YankRegistration(GraphNode node, Action shutDown) : IDisposable
    {
        public void Dispose() =>
            ImmutableInterlocked.Update(ref node._yanks, static (all, gone) => all.Remove(gone), shutDown);
    }
}
