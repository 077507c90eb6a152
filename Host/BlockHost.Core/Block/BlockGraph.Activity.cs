// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Bitmaps;
using BlockHost.Core.Block.Changes;

namespace BlockHost.Core.Block;

/// <summary>
/// Active and inactive nodes: an image is handed to another process, and taken back. In both directions the whole graph is
/// drained, and a change that fails half-way is undone.
/// </summary>
public sealed partial class BlockGraph
{
    /// <summary>The machine waits for its state: what blockdev-add opens is another process's until that has come.</summary>
    public Func<bool> OpensInactive { get; init; } = () => false;

    public ValueTask SetActiveAsync(IGraphNode? node, bool active, CancellationToken cancellationToken) =>
        SetActiveAsync(node, active, isExclusive: false, cancellationToken);

    public ValueTask TakeOverAsync(CancellationToken cancellationToken) =>
        SetActiveAsync(null, active: true, isExclusive: true, cancellationToken);

    private async ValueTask SetActiveAsync(
        IGraphNode? node, bool active, bool isExclusive, CancellationToken cancellationToken)
    {
        if (node is null && active && AllNodesTopDown().All(each => each.IsActive))
            return;
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        await using var drained = (await DrainAsync(null, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var own = node is null ? null : Own(node);
        if (active)
            await ActivateAsync(own, isExclusive, cancellationToken).ConfigureAwait(false);
        else
            await InactivateAsync(own, cancellationToken).ConfigureAwait(false);
    }

    /// <exception cref="BlockException">The node is inactive.</exception>
    internal void RequireActive(GraphNode node)
    {
        if (!node.IsActive)
            throw new BlockException(BlockErrorKind.PermissionDenied, $"Node '{node.Name}' is inactive") { NodeName = node.Name };
    }

    private static void RefuseInactive(GraphNode parent, string edge, GraphNode child)
    {
        if (parent.IsActive && !child.IsActive)
            throw new BlockException(
                BlockErrorKind.PermissionDenied, $"Inactive '{child.Name}' can't be a {edge} child of active '{parent.Name}'");
    }

    /// <summary>Users keep what they have of their node: it is not exchanged for one that another process has.</summary>
    private static void RequireSameActivity(IReadOnlyList<GraphEdge> users, GraphNode from, GraphNode to)
    {
        if (users.Count > 0 && from.IsActive != to.IsActive)
            throw new BlockException(
                BlockErrorKind.PermissionDenied,
                $"Node '{to.Name}' can't take the place of '{from.Name}': only one of them is active");
    }

    /// <summary>In a drained section: an overlay that comes over an inactive node becomes inactive.</summary>
    private async ValueTask FollowActivityAsync(GraphNode overlay, GraphNode below, CancellationToken cancellationToken)
    {
        if (!below.IsActive && overlay.IsActive)
            await InactivateAsync(overlay, cancellationToken).ConfigureAwait(false);
        RequireSameActivity(below.ParentEdges, below, overlay);
    }

    private async ValueTask ActivateAsync(GraphNode? top, bool isExclusive, CancellationToken cancellationToken)
    {
        var nodes = (top is null ? AllNodesTopDown() : GraphWalk.DownFrom([top])).Where(IsThere).Where(node => !node.IsActive)
            .ToList();
        nodes.Reverse();
        try
        {
            nodes.ForEach(node => node.SetActive(true));
            if (isExclusive)
                await RequireNoOtherWriterAsync(nodes, cancellationToken).ConfigureAwait(false);
            foreach (var root in RootsOf(nodes))
                root.Resume();
            await PermissionUpdate.ApplyAsync(nodes, cancellationToken).ConfigureAwait(false);
            // Children first; all locks are there, so that nobody else changes what is read.
            foreach (var node in nodes)
                await node.TakeOverAsync(cancellationToken).ConfigureAwait(false);
            await PermissionUpdate.ApplyAsync(nodes, cancellationToken).ConfigureAwait(false);
            foreach (var node in nodes)
                await BitmapPersistence.LoadBesideAsync(node.Bitmaps, cancellationToken).ConfigureAwait(false);
            foreach (var root in RootsOf(nodes))
                root.Settle();
        }
        catch
        {
            nodes.Reverse();
            await GiveBackAsync(nodes).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Asks for all images at once what no user here may ask for as long as others are there: that nobody else writes them. What
    /// is below a node is the node's to keep others from.
    /// </summary>
    private async ValueTask RequireNoOtherWriterAsync(IReadOnlyList<GraphNode> nodes, CancellationToken cancellationToken)
    {
        var alone = new BackendOptions
        { Permissions = new(BlockPermissions.None, BlockPermissions.All & ~BlockPermissions.Write) };
        var tops = nodes.Where(node => !node.ReadOnly && node.ParentEdges.All(edge => edge.ParentNode is null));
        var links = tops.Select(node => new Backend(this, node, alone).Link).ToList();
        foreach (var link in links)
        {
            link.Child.AttachParent(link);
            link.Want(alone.Permissions);
        }

        try
        {
            await PermissionUpdate.ApplyAsync(nodes, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            links.ForEach(link => link.Child.DetachParent(link));
        }
    }

    private async ValueTask InactivateAsync(GraphNode? top, CancellationToken cancellationToken)
    {
        if (top is not null && top.ParentEdges.Any(edge => edge.ParentNode is { IsActive: true }))
            throw new BlockException(BlockErrorKind.PermissionDenied, "Node has active parent node");
        var nodes = ToInactivate(top);
        if (RootsOf(nodes).Any(root => root.KeepsActive))
            throw CannotInactivate(top, ErrnoText.Of(Errno.EPERM));
        try
        {
            // What is above writes into what is below: parents first.
            foreach (var node in nodes)
                await node.LetGoAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            await TakeBackAsync(nodes).ConfigureAwait(false);
            throw CannotInactivate(top, e.Message);
        }

        await SetInactiveAsync(nodes).ConfigureAwait(false);
    }

    /// <summary>From the top down: the node and what no other active node is built on.</summary>
    private List<GraphNode> ToInactivate(GraphNode? top)
    {
        var going = new HashSet<GraphNode>();
        foreach (var node in (top is null ? AllNodesTopDown() : GraphWalk.DownFrom([top])).Where(IsThere))
        {
            var isKept = node.ParentEdges.Any(edge => edge.ParentNode is { IsActive: true } parent && !going.Contains(parent));
            if (node.IsActive && !isKept)
                going.Add(node);
        }

        return [.. going];
    }

    private static async ValueTask SetInactiveAsync(IReadOnlyList<GraphNode> nodes)
    {
        foreach (var node in nodes)
            node.SetActive(false);
        foreach (var root in RootsOf(nodes))
            root.Suspend();
        await PermissionUpdate.ApplyAsync(nodes, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Not all could be activated: those that were are given up again.</summary>
    private async ValueTask GiveBackAsync(IReadOnlyList<GraphNode> nodes)
    {
        foreach (var node in nodes)
        {
            try
            {
                await node.LetGoAsync(CancellationToken.None).ConfigureAwait(false);
            }
            catch (BlockException e)
            {
                Warnings.Give($"Failed to inactivate node '{node.Name}': {e.Message}");
            }
        }

        await SetInactiveAsync(nodes).ConfigureAwait(false);
    }

    /// <summary>Not all could be inactivated: permissions are all there still.</summary>
    private async ValueTask TakeBackAsync(IReadOnlyList<GraphNode> nodes)
    {
        foreach (var node in nodes.Reverse())
        {
            try
            {
                await node.TakeOverAsync(CancellationToken.None).ConfigureAwait(false);
                await BitmapPersistence.LoadBesideAsync(node.Bitmaps, CancellationToken.None).ConfigureAwait(false);
            }
            catch (BlockException e)
            {
                Warnings.Give($"Failed to activate node '{node.Name}' again: {e.Message}");
            }
        }
    }

    private static BlockException CannotInactivate(GraphNode? top, string reason) =>
        new(BlockErrorKind.PermissionDenied, $"Failed to inactivate {(top is null ? "all nodes" : "node")}: {reason}");

    private static bool IsThere(GraphNode node) => node is { IsOpen: true, IsClosed: false, IsReady: true };

    private static IEnumerable<RootLink> RootsOf(IEnumerable<GraphNode> nodes) =>
        nodes.SelectMany(node => node.ParentEdges).OfType<RootLink>();
}
