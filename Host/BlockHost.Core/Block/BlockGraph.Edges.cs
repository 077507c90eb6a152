// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Changes;

namespace BlockHost.Core.Block;

/// <summary>Moving edges of the open graph: overlays put on top, nodes replaced, backing files exchanged.</summary>
public sealed partial class BlockGraph
{
    public async ValueTask AppendAsync(IGraphNode overlay, IGraphNode node, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var (top, below) = (Own(overlay), Own(node));
        var holder = HolderOf(top);
        if (top.BackingLink is not null)
            throw new BlockException(BlockErrorKind.AlreadyExists, "The overlay already has a backing image");
        await using var drained = (await DrainAsync(below, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        GraphWalk.RefuseCycle(top, "backing", below);
        await FollowActivityAsync(top, below, cancellationToken).ConfigureAwait(false);
        var users = below.ParentEdges.RemoveAll(StaysAtNode);
        Move(users, below, top);
        var link = Link(top, below);
        try
        {
            await PermissionUpdate.ApplyAsync([top, below], cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Unlink(link);
            Move(users, top, below);
            throw;
        }

        BackingChanged(top, holder, link);
    }

    public async ValueTask RemoveOverlayAsync(IGraphNode overlay, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var top = Own(overlay);
        var holder = HolderOf(top);
        var link = top.BackingLink ?? throw new BlockException(BlockErrorKind.NotFound, $"Node '{top.Name}' has no backing file");
        var below = link.Child;
        await using var drained = (await DrainAsync(below, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var users = top.ParentEdges.RemoveAll(StaysAtNode);
        Unlink(link);
        Move(users, top, below);
        try
        {
            await PermissionUpdate.ApplyAsync([below, top], cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Move(users, below, top);
            Relink(link);
            throw;
        }

        BackingChanged(top, holder, link: null);
    }

    public async ValueTask ReplaceAsync(IGraphNode from, IGraphNode to, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var (old, replacement) = (Own(from), Own(to));
        await using var drainedOld = (await DrainAsync(old, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        await using var drainedNew = (await DrainAsync(
            replacement, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var below = GraphWalk.DownFrom([replacement]);
        // The replacement's own way to the old node stays, or it would point at itself.
        var users = old.ParentEdges.RemoveAll(
            edge => StaysAtNode(edge) || (edge.ParentNode is { } parent && below.Contains(parent)));
        await GiveAsync(users, old, replacement, cancellationToken).ConfigureAwait(false);
        CloseIfUnused(old);
    }

    public async ValueTask SetBackingAsync(IGraphNode overlay, IGraphNode? backing, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var top = Own(overlay);
        await using var drained = (await DrainAsync(top, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        await ExchangeBackingAsync(top, backing is null ? null : Own(backing), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// In a drained section: puts another backing file under a node, or none, and closes the old one if unused.
    /// </summary>
    private async ValueTask ExchangeBackingAsync(GraphNode top, GraphNode? backing, CancellationToken cancellationToken)
    {
        var old = top.BackingLink;
        if (old?.Child == backing)
            return;
        if (!top.Driver.SupportsBacking)
            throw new BlockException(
                BlockErrorKind.NotSupported,
                $"Driver '{top.Driver.FormatName}' of node '{top.Name}' does not support backing files");
        var holder = HolderOf(top);
        if (backing is not null)
        {
            GraphWalk.RefuseCycle(top, "backing", backing);
            RefuseInactive(top, "backing", backing);
        }

        if (old is not null)
            Unlink(old);
        var link = backing is null ? null : Link(top, backing);
        try
        {
            await PermissionUpdate.ApplyAsync(backing is null ? [top] : [top, backing], cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            if (link is not null)
                Unlink(link);
            if (old is not null)
                Relink(old);
            throw;
        }

        BackingChanged(top, holder, link);
        if (old is null)
            return;
        await PermissionUpdate.LoosenAsync(old.Child).ConfigureAwait(false);
        CloseIfUnused(old.Child);
    }

    private static bool StaysAtNode(GraphEdge edge) => edge is RootLink { Backend.StaysAtNode: true };

    private static void BackingChanged(GraphNode top, IBackingChildHolder holder, ChildLink? link)
    {
        holder.SetBackingChild(link);
        top.RefreshProfile();
    }

    private static IBackingChildHolder HolderOf(GraphNode overlay) =>
        overlay.Driver.SupportsBacking && overlay.TryGetFacet<IBackingChildHolder>(out var holder)
            ? holder
            : throw new BlockException(BlockErrorKind.NotSupported, "The overlay does not support backing images");

    private static ChildLink Link(GraphNode overlay, GraphNode backing)
    {
        var link = new ChildLink(overlay, "backing", BlockChildRole.Backing, backing);
        Relink(link);
        return link;
    }

    private static void Relink(ChildLink link)
    {
        if (link.ParentNode is { } parent)
            parent.ChildLinks = parent.ChildLinks.Add(link);
        link.Child.AttachParent(link);
    }

    private static void Move(IReadOnlyList<GraphEdge> edges, GraphNode from, GraphNode to)
    {
        foreach (var edge in edges.Reverse())
        {
            from.DetachParent(edge);
            edge.Child = to;
            to.AttachParent(edge);
        }
    }
}
