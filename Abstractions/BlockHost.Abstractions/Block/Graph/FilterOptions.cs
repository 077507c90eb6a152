// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Graph;

/// <summary>A filter that its owner, such as a job, puts over a node that is in use.</summary>
public sealed record FilterOptions
{
    /// <summary>The name of the child that is filtered: "file" or "backing".</summary>
    public string ChildOption { get; init; } = "file";

    /// <summary>Null: as the node.</summary>
    public bool? ReadOnly { get; init; }

    /// <summary>Null: one is made up, and the filter is implicit: older queries show what is below it instead.</summary>
    public string? NodeName { get; init; }

    /// <summary>What the reason why it cannot be opened is told after; null: the reason alone.</summary>
    public string? ErrorPrefix { get; init; }
}

/// <summary>Makes the owner's half of its filter: may open more children, as a driver does.</summary>
/// <param name="child">What is filtered.</param>
public delegate ValueTask<TNode> FilterFactory<TNode>(
    IBlockNodeContext context, IBlockChild child, CancellationToken cancellationToken)
    where TNode : BlockNode;

/// <summary>A filter in its place.</summary>
/// <param name="InGraph">The graph's half, with the filter's name.</param>
/// <param name="Node">What the factory made.</param>
public readonly record struct InsertedFilter<TNode>(IGraphNode InGraph, TNode Node)
    where TNode : BlockNode;
