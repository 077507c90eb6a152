// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block.Changes;

/// <summary>Walks over the graph.</summary>
internal static class GraphWalk
{
    /// <summary>The nodes and all below them, every parent before its children.</summary>
    public static List<GraphNode> DownFrom(IReadOnlyList<GraphNode> nodes) =>
        ParentsFirst(nodes, static node => node.ChildLinks.Select(link => link.Child));

    /// <summary>The nodes and what is below them, as far as it is among some, every parent before its children.</summary>
    public static List<GraphNode> DownFrom(IReadOnlyList<GraphNode> nodes, HashSet<GraphNode> among) =>
        ParentsFirst(nodes, node => node.ChildLinks.Select(link => link.Child).Where(among.Contains));

    /// <summary>The node and all above it, every child before its parents.</summary>
    public static List<GraphNode> UpFrom(GraphNode node) =>
        ParentsFirst([node], static node => node.ParentEdges.Select(edge => edge.ParentNode).OfType<GraphNode>());

    /// <exception cref="BlockException">The parent is the child, or below it.</exception>
    public static void RefuseCycle(GraphNode parent, string edge, GraphNode child)
    {
        // What nobody uses yet is below nothing.
        if (parent != child && parent.ParentEdges.Length == 0)
            return;
        if (DownFrom([child]).Contains(parent))
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"Making '{child.Name}' a {edge} child of '{parent.Name}' would create a cycle");
    }

    // Depth first without recursion; a node is placed when all that follows from it has been.
    private static List<GraphNode> ParentsFirst(IReadOnlyList<GraphNode> start, Func<GraphNode, IEnumerable<GraphNode>> next)
    {
        var seen = new HashSet<GraphNode>();
        var placed = new List<GraphNode>();
        var path = new Stack<(GraphNode Node, IEnumerator<GraphNode> Next)>();
        foreach (var node in start.Reverse())
        {
            if (seen.Add(node))
                path.Push((node, next(node).GetEnumerator()));
            while (path.TryPeek(out var top))
            {
                if (!top.Next.MoveNext())
                {
                    placed.Add(top.Node);
                    path.Pop();
                }
                else if (seen.Add(top.Next.Current))
                {
                    path.Push((top.Next.Current, next(top.Next.Current).GetEnumerator()));
                }
            }
        }

        placed.Reverse();
        return placed;
    }
}
