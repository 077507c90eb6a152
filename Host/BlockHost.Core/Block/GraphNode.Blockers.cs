// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block;

/// <summary>Operations that users of the node keep others from.</summary>
internal sealed partial class GraphNode
{
    private const BlockOperations AllowedOnBacking =
        BlockHost.Block.Graph.BlockOperations.CommitTarget
        | BlockHost.Block.Graph.BlockOperations.Stream
        | BlockHost.Block.Graph.BlockOperations.BackupSource
        | BlockHost.Block.Graph.BlockOperations.BackupTarget;

    private ImmutableList<Blocker> _blockers = [];

    public IDisposable BlockOperations(BlockOperations operations, string reason)
    {
        var blocker = new Blocker(this, operations, reason);
        ImmutableInterlocked.Update(ref _blockers, static (all, added) => all.Insert(0, added), blocker);
        return blocker;
    }

    public void CheckOperation(BlockOperations operation)
    {
        if (_blockers.Find(blocker => (blocker.Operations & operation) != 0) is { } found)
            throw new BlockException(BlockErrorKind.Busy, $"Node '{Name}' is busy: {found.Reason}");
        if ((operation & ~AllowedOnBacking) != 0
            && ParentEdges.FirstOrDefault(edge => (edge.Role & BlockChildRole.CopyOnWrite) != 0)?.ParentNode is { } overlay)
            throw new BlockException(
                BlockErrorKind.Busy, $"Node '{Name}' is busy: node is used as backing hd of '{overlay.Name}'");
    }

    private sealed class Blocker(GraphNode node, BlockOperations operations, string reason) : IDisposable
    {
        public BlockOperations Operations { get; } = operations;

        public string Reason { get; } = reason;

        public void Dispose() => ImmutableInterlocked.Update(ref node._blockers, static (all, gone) => all.Remove(gone), this);
    }
}
