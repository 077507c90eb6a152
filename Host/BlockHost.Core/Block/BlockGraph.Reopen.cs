// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Changes;
using BlockHost.Core.Block.Opening;
using BlockHost.Qmp;

namespace BlockHost.Core.Block;

/// <summary>blockdev-reopen.</summary>
public sealed partial class BlockGraph
{
    public async ValueTask ReopenAsync(IReadOnlyList<JsonElement> options, CancellationToken cancellationToken)
    {
        using var change = await BeginChangeAsync(cancellationToken).ConfigureAwait(false);
        var reopens = options.Select(NodeToReopen).ToArray();
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

            await PermissionUpdate.ApplyAsync([.. reopens.Select(reopen => reopen.Node), .. reopens.SelectMany(reopen => reopen.NewChildren)], cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            begun.Reverse();
            foreach (var reopen in begun)
                await reopen.AbortAsync().ConfigureAwait(false);
            throw;
        }

        foreach (var reopen in reopens)
            reopen.Commit();
        foreach (var reopen in reopens)
            await PermissionUpdate.LoosenAsync(reopen.Node).ConfigureAwait(false);
        foreach (var old in reopens.SelectMany(reopen => reopen.OldChildren))
        {
            await PermissionUpdate.LoosenAsync(old).ConfigureAwait(false);
            await CloseUnusedAsync(old).ConfigureAwait(false);
        }
    }

    private NodeReopen NodeToReopen(JsonElement options)
    {
        var name = options.ValueKind == JsonValueKind.Object ? JsonObjects.StringMember(options, "node-name") : null;
        if (name is null)
            throw new QmpException("node-name not specified");
        var node = FindNode(name) ?? throw new QmpException($"Failed to find node with node-name='{name}'");
        return new NodeReopen(node, NodeOptions.Parse(options, OpenScope.Command.Inherited));
    }

    internal GraphNode ResolveExisting(string nodeName) => LookupNode(nodeName, nodeName);
}
