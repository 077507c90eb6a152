// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Changes;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Block;

/// <summary>Filters that come and go under the users of a node.</summary>
public sealed partial class BlockGraph
{
    public async ValueTask<IGraphNode> InsertFilterAsync(
        IGraphNode node, BlockDriver driver, JsonElement options, FilterOptions filter, CancellationToken cancellationToken) =>
        await InsertAsync(Own(node), driver, options, filter, cancellationToken).ConfigureAwait(false);

    public async ValueTask<InsertedFilter<TNode>> InsertFilterAsync<TNode>(
        IGraphNode node, string driverName, FilterFactory<TNode> make, FilterOptions filter, CancellationToken cancellationToken)
        where TNode : BlockNode
    {
        var driver = new OwnedFilterDriver(driverName, filter.ChildOption, node.Name, MakeAsync);
        var inserted = await InsertAsync(Own(node), driver, default, filter, cancellationToken).ConfigureAwait(false);
        return new(inserted, (TNode)inserted.Node);

        async ValueTask<BlockNode> MakeAsync(IBlockNodeContext context, IBlockChild child, CancellationToken opening) =>
            await make(context, child, opening).ConfigureAwait(false);
    }

    public async ValueTask RemoveFilterAsync(IGraphNode filter, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var top = Own(filter);
        if (top.IsClosed)
            return;
        var below = top.FilteredLink?.Child
            ?? throw new ArgumentException($"Node '{filter.Name}' is not a filter", nameof(filter));
        await using var drained = (await DrainAsync(top, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        await GiveAsync(top.ParentEdges, top, below, cancellationToken).ConfigureAwait(false);
        CloseIfUnused(top);
    }

    private async ValueTask<GraphNode> InsertAsync(
        GraphNode below, BlockDriver driver, JsonElement more, FilterOptions filter, CancellationToken cancellationToken)
    {
        var opened = await OpenFilterOrTellAsync(below, driver, more, filter, cancellationToken).ConfigureAwait(false);
        return await GiveToUserAsync(opened, Insert).ConfigureAwait(false);

        async ValueTask<GraphNode> Insert(GraphNode top)
        {
            await using var drained = (await DrainAsync(below, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
            // Who is below the filter, such as a target that reads from the node, must not come to read through it.
            var under = GraphWalk.DownFrom([top]);
            var users = below.ParentEdges.RemoveAll(
                edge => StaysAtNode(edge) || (edge.ParentNode is { } parent && under.Contains(parent)));
            await GiveAsync(users, below, top, cancellationToken).ConfigureAwait(false);
            return top;
        }
    }

    private async ValueTask<GraphNode> OpenFilterOrTellAsync(
        GraphNode below, BlockDriver driver, JsonElement more, FilterOptions filter, CancellationToken cancellationToken)
    {
        try
        {
            return await OpenFilterAsync(below, driver, more, filter, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e) when (filter.ErrorPrefix is not null)
        {
            throw new BlockException(e.Kind, filter.ErrorPrefix + e.Message, e.Errno, e);
        }
    }

    private async ValueTask<GraphNode> OpenFilterAsync(
        GraphNode below, BlockDriver driver, JsonElement more, FilterOptions filter, CancellationToken cancellationToken)
    {
        var options = NodeOptions.Parse(FilterJson(below, driver, more, filter), new GenericOptions());
        var name = options.NodeName ?? GenerateName();
        if (options.NodeName is not null)
            CheckNewName(name);
        var lease = await LeaseAsync(driver, name, cancellationToken).ConfigureAwait(false);
        var node = new GraphNode(this, lease, name, options.NodeName is null, options)
        {
            IsImplicit = options.NodeName is null,
            OpensInDrain = true,
        };
        if (!_names.TryAdd(name, node))
        {
            lease.Dispose();
            throw new BlockException(BlockErrorKind.AlreadyExists, $"Duplicate nodes with node-name='{name}'");
        }

        await OpenDriverAsync(node, OpenScope.Command, cancellationToken).ConfigureAwait(false);
        return node;
    }

    /// <summary>A driver that users can name too comes from a plugin, which must stay as long as the node.</summary>
    private async ValueTask<DriverLease> LeaseAsync(BlockDriver driver, string node, CancellationToken cancellationToken)
    {
        if (driver is OwnedFilterDriver)
            return new DriverLease(driver, use: null);
        var registered = await _drivers.AcquireAsync(
            driver.FormatName, $"node '{node}'", cancellationToken).ConfigureAwait(false);
        if (registered?.Driver == driver)
            return registered;
        registered?.Dispose();
        return new DriverLease(driver, use: null);
    }

    private static JsonElement FilterJson(GraphNode below, BlockDriver driver, JsonElement more, FilterOptions filter) =>
        QmpJson.WriteObject(writer =>
    {
        writer.WriteString("driver", driver.FormatName);
        if (filter.NodeName is { } name)
            writer.WriteString("node-name", name);
        writer.WriteBoolean("read-only", filter.ReadOnly ?? below.ReadOnly);
        writer.WriteString("discard", "unmap");
        if (driver is OwnedFilterDriver)
            return;
        writer.WriteString(filter.ChildOption, below.Name);
        JsonObjects.CopyMembers(writer, more);
    });

    /// <summary>In a drained section: moves users from one node to another, whole or not at all.</summary>
    private static async ValueTask GiveAsync(
        IReadOnlyList<GraphEdge> users, GraphNode from, GraphNode to, CancellationToken cancellationToken)
    {
        RequireSameActivity(users, from, to);
        Move(users, from, to);
        try
        {
            await PermissionUpdate.ApplyAsync([to, from], cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Move(users, to, from);
            throw;
        }

        to.RefreshProfile();
    }
}
