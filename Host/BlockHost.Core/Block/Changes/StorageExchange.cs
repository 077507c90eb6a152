// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block.Changes;

/// <summary>Another node for a node's child "file": the driver's link stays, and leads elsewhere.</summary>
internal sealed class StorageExchange
{
    private readonly ChildLink _link;
    private bool _isDone;

    private StorageExchange(ChildLink link, GraphNode to) => (_link, From, To) = (link, link.Child, to);

    public GraphNode From { get; }

    public GraphNode To { get; }

    /// <returns>Null where the link leads there already.</returns>
    /// <exception cref="BlockException">The child may not be replaced, or not by that node.</exception>
    public static StorageExchange? Plan(GraphNode parent, ChildLink link, GraphNode wanted)
    {
        if (Shown(link.Child) == wanted)
            return null;
        if (link.Name != "file")
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Cannot change the option '{link.Name}'");
        if (link.Child.IsImplicit)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Cannot replace implicit file child of {parent.Name}");
        GraphWalk.RefuseCycle(parent, "file", wanted);
        return new StorageExchange(link, wanted);
    }

    /// <summary>In a drained section, when all has been written to the old child.</summary>
    public void Do()
    {
        Lead(To);
        _isDone = true;
    }

    public void Undo()
    {
        if (_isDone)
            Lead(From);
        _isDone = false;
    }

    private void Lead(GraphNode to)
    {
        _link.Child.DetachParent(_link);
        _link.Child = to;
        to.AttachParent(_link);
    }

    /// <summary>What users see in place of a job's filter.</summary>
    private static GraphNode Shown(GraphNode node)
    {
        while (node is { IsImplicit: true, FilteredLink: { } filtered })
            node = filtered.Child;
        return node;
    }
}
