// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Changes;
using BlockHost.Core.Block.Opening;
using BlockHost.Qmp;

namespace BlockHost.Core.Block;

/// <summary>Children that come and go while their parent, which has a list of them, is in use (x-blockdev-change).</summary>
public sealed partial class BlockGraph
{
    public async ValueTask AddChildAsync(IGraphNode parent, IGraphNode child, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var (node, added) = (Own(parent), Own(child));
        if (!node.TryGetFacet<IChildList>(out var list))
            throw new BlockException(BlockErrorKind.NotSupported, $"The node {node.Name} does not support adding a child");
        if (added.ParentEdges.Length > 0)
            throw new BlockException(BlockErrorKind.AlreadyExists, $"The node {added.Name} already has a parent");
        await using var drained = (await DrainAsync(node, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var name = $"{list.Option}.{list.CheckAdd(added.Name, added.Profile)}";
        GraphWalk.RefuseCycle(node, name, added);
        RefuseInactive(node, name, added);
        var link = new ChildLink(node, name, list.Role, added) { Option = list.Option };
        Relink(link);
        try
        {
            await PermissionUpdate.ApplyAsync([node, added], cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Unlink(link);
            throw;
        }

        list.Add(link);
        node.TakeOptions(node.DriverOptionsWith(
            options => ChildOptions.WithList(options, list.Option, items => [.. items, Reference(added)])));
        node.RefreshProfile();
        await ExtendDrainsAsync().ConfigureAwait(false);
    }

    public async ValueTask RemoveChildAsync(IGraphNode parent, IGraphEdge child, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var node = Own(parent);
        if (!node.TryGetFacet<IChildList>(out var list))
            throw new BlockException(BlockErrorKind.NotSupported, $"The node {node.Name} does not support removing a child");
        var link = node.ChildLinks.FirstOrDefault(link => link == child && link.Option == list.Option)
            ?? throw new BlockException(
                BlockErrorKind.NotFound, $"The node {node.Name} does not have a child named {child.Name}");
        await using (await DrainAsync(node, cancellationToken).ConfigureAwait(false))
        {
            list.CheckRemove(link);
            var place = ChildOptions.InList(node, list.Option).TakeWhile(other => other != link).Count();
            list.Remove(link);
            Unlink(link);
            node.TakeOptions(node.DriverOptionsWith(
                options => ChildOptions.WithList(options, list.Option, items => items.Where((_, at) => at != place))));
            node.RefreshProfile();
        }

        await PermissionUpdate.LoosenAsync(node).ConfigureAwait(false);
        await PermissionUpdate.LoosenAsync(link.Child).ConfigureAwait(false);
        CloseIfUnused(link.Child);
    }

    private static JsonElement Reference(GraphNode node) =>
        QmpJson.WriteObject(writer => writer.WriteString("node", node.Name)).GetProperty("node");
}
