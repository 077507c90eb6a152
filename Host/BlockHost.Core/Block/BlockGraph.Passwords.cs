// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block;

/// <summary>Keys that come after their images were opened.</summary>
public sealed partial class BlockGraph
{
    public async ValueTask SetPasswordAsync(IGraphNode node, ReadOnlyMemory<byte> password, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        await using var drained = (await DrainAsync(null, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var locked = new List<GraphNode>();
        // From below: an overlay is opened with what is under it.
        for (var layer = Own(node); layer is not null; layer = layer.Backing as GraphNode)
        {
            if (await layer.IsKeyMissingAsync(cancellationToken).ConfigureAwait(false))
                locked.Insert(0, layer);
        }

        if (locked.Count == 0)
            throw await NoKeyMissingAsync(node, cancellationToken).ConfigureAwait(false);
        await UnlockAsync(locked, password, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>All of them, or none.</summary>
    private static async ValueTask UnlockAsync(
        IReadOnlyList<GraphNode> locked, ReadOnlyMemory<byte> password, CancellationToken cancellationToken)
    {
        var unlocked = new List<GraphNode>();
        try
        {
            foreach (var layer in locked)
            {
                await layer.TakePasswordAsync(password, cancellationToken).ConfigureAwait(false);
                unlocked.Add(layer);
            }
        }
        catch
        {
            unlocked.ForEach(layer => layer.LosePassword());
            throw;
        }
    }

    private static async ValueTask<BlockException> NoKeyMissingAsync(IGraphNode node, CancellationToken cancellationToken)
    {
        var facts = await node.GetFactsAsync(cancellationToken).ConfigureAwait(false);
        return new BlockException(
            BlockErrorKind.InvalidArgument,
            facts.Encrypted ? $"Device '{node.Name}' has its key" : $"Device '{node.Name}' is not encrypted")
        { NodeName = node.Name };
    }
}
