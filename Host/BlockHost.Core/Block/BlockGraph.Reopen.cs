// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Changes;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Json;

namespace BlockHost.Core.Block;

/// <summary>blockdev-reopen.</summary>
public sealed partial class BlockGraph
{
    public async ValueTask ReopenAsync(IReadOnlyList<JsonElement> options, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        await ReopenAsync(Collect(options), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask SetReadOnlyAsync(IGraphNode node, bool readOnly, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var own = Own(node);
        if (own.ReadOnly == readOnly)
            return;
        RequireActive(own);
        var reopens = new List<NodeReopen>();
        var options = NodeOptions.Parse(own.ExplicitOptions, own.Generic);
        // The node may have another backing file by now than it was opened with.
        options = options with
        {
            Generic = own.Generic with { ReadOnly = readOnly },
            DriverOptions = JsonObjects.Where(options.DriverOptions, member => member.Name != "backing"),
        };
        CollectInherited(own, options, reopens);
        await ReopenAsync(reopens, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ReopenAsync(IReadOnlyList<NodeReopen> reopens, CancellationToken cancellationToken)
    {
        var sections = new Stack<IAsyncDisposable>();
        try
        {
            foreach (var reopen in reopens)
                sections.Push(await DrainAsync(reopen.Node, cancellationToken).ConfigureAwait(false));
            await ReopenDrainedAsync(reopens, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            while (sections.TryPop(out var section))
                await section.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask ReopenDrainedAsync(IReadOnlyList<NodeReopen> reopens, CancellationToken cancellationToken)
    {
        var begun = new List<NodeReopen>();
        try
        {
            foreach (var reopen in reopens)
            {
                begun.Add(reopen);
                await reopen.PrepareAsync(this, cancellationToken).ConfigureAwait(false);
            }

            await PermissionUpdate.ApplyAsync(
                [.. reopens.Select(reopen => reopen.Node), .. reopens.SelectMany(reopen => reopen.NewChildren)],
                cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            begun.Reverse();
            foreach (var reopen in begun)
                await reopen.AbortAsync().ConfigureAwait(false);
            throw;
        }

        foreach (var reopen in ChildrenFirst(reopens))
            reopen.Commit();
        foreach (var reopen in ChildrenFirst(reopens))
            await reopen.CommittedAsync(cancellationToken).ConfigureAwait(false);
        foreach (var reopen in reopens)
            await PermissionUpdate.LoosenAsync(reopen.Node).ConfigureAwait(false);
        foreach (var old in reopens.SelectMany(reopen => reopen.OldChildren))
        {
            await PermissionUpdate.LoosenAsync(old).ConfigureAwait(false);
            CloseIfUnused(old);
        }
    }

    private static IEnumerable<NodeReopen> ChildrenFirst(IReadOnlyList<NodeReopen> reopens)
    {
        var order = GraphWalk.DownFrom([.. reopens.Select(reopen => reopen.Node)]);
        return reopens.OrderByDescending(reopen => order.IndexOf(reopen.Node));
    }

    /// <summary>The nodes asked for, and below each those whose options come from its definition.</summary>
    private List<NodeReopen> Collect(IReadOnlyList<JsonElement> options)
    {
        var reopens = new List<NodeReopen>();
        foreach (var json in options)
        {
            var name = json.ValueKind == JsonValueKind.Object ? JsonObjects.StringMember(json, "node-name") : null;
            if (name is null)
                throw new BlockException(BlockErrorKind.InvalidArgument, "node-name not specified");
            var node = FindNode(name)
                ?? throw new BlockException(BlockErrorKind.NotFound, $"Failed to find node with node-name='{name}'");
            RequireActive(node);
            var parsed = NodeOptions.Parse(json, OpenScope.Command.Inherited);
            Collect(node, parsed with { Generic = parsed.Generic with { Active = true } }, reopens);
        }

        return reopens;
    }

    private static void Collect(GraphNode node, NodeOptions options, List<NodeReopen> reopens)
    {
        if (reopens.RemoveAll(reopen => reopen.Node == node && reopen.IsInherited) == 0
            && reopens.Any(reopen => reopen.Node == node))
            throw new BlockException(BlockErrorKind.Busy, $"Node '{node.Name}' is in the list more than once");
        // What opened the node may have said it in texts.
        options = options with
        {
            DriverOptions = LooseOptions.Typed(
            node.Driver.OptionsType, node.Driver.Modernise(options.DriverOptions))
        };
        reopens.Add(new NodeReopen(node, options));
        foreach (var link in node.ChildLinks.Where(
            link => link.Child.InheritsFrom == node && !reopens.Any(reopen => reopen.Node == link.Child)))
        {
            var child = ChildOptions.Of(options.DriverOptions, node, link);
            var given = child.ValueKind == JsonValueKind.Object ? child : link.Child.ExplicitOptions;
            var childOptions = NodeOptions.Parse(given, OpenScope.InheritedFrom(options.Generic, link.Role));
            if (childOptions.Generic != link.Child.Generic || given.ValueKind == JsonValueKind.Object
                && child.ValueKind == JsonValueKind.Object)
                CollectInherited(link.Child, childOptions, reopens);
        }
    }

    private static void CollectInherited(GraphNode child, NodeOptions options, List<NodeReopen> reopens)
    {
        Collect(child, options, reopens);
        reopens.Single(reopen => reopen.Node == child).IsInherited = true;
    }

    internal GraphNode ResolveExisting(string nodeName) => LookupNode(device: null, nodeName);
}
