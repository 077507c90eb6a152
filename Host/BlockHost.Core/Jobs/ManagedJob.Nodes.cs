// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Qmp;

namespace BlockHost.Core.Jobs;

/// <summary>The nodes that the job works on: it is a user of each, and keeps others from changing them.</summary>
internal sealed partial class ManagedJob
{
    private ImmutableArray<HeldNode> _held = [];

    /// <summary>Without the job's block backends.</summary>
    public IReadOnlyList<IBlockBackend> Nodes => [.. _held.Where(held => held.Blocker is not null).Select(held => held.Backend)];

    public async ValueTask<IBlockBackend> HoldAsync(
        string childName, IGraphNode node, BlockPermissionSet permissions, CancellationToken cancellationToken)
    {
        var options = new BackendOptions
        {
            Permissions = permissions,
            ChildName = childName,
            Description = $"{Type.Name} job '{Id}'",
            StaysAtNode = true,
            DrainedUser = this,
        };
        var backend = await Host.Graph.CreateBackendAsync(node, options, cancellationToken).ConfigureAwait(false);
        var blocker = node.BlockOperations(BlockOperations.All, $"block device is in use by block job: {Type.Name}");
        return await KeepAsync(new HeldNode(backend, blocker)).ConfigureAwait(false);
    }

    public async ValueTask<IBlockBackend> OpenBackendAsync(
        IGraphNode node, BlockPermissionSet permissions, CancellationToken cancellationToken)
    {
        var options = new BackendOptions { Permissions = permissions, StaysAtNode = true, DrainedUser = this };
        var backend = await Host.Graph.CreateBackendAsync(node, options, cancellationToken).ConfigureAwait(false);
        return await KeepAsync(new HeldNode(backend, Blocker: null)).ConfigureAwait(false);
    }

    public async ValueTask ReleaseNodesAsync(params IReadOnlyList<IBlockBackend> backends)
    {
        foreach (var held in _held.Where(held => backends.Count == 0 || backends.Contains(held.Backend)))
        {
            ImmutableInterlocked.Update(ref _held, static (all, gone) => all.Remove(gone), held);
            held.Blocker?.Dispose();
            await held.Backend.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask<IBlockBackend> KeepAsync(HeldNode added)
    {
        ImmutableInterlocked.Update(ref _held, static (all, held) => all.Add(held), added);
        if (!IsGone)
            return added.Backend;
        await ReleaseNodesAsync().ConfigureAwait(false);
        throw new QmpException($"Job '{Id}' was cancelled before it started");
    }

    private sealed record HeldNode(IBlockBackend Backend, IDisposable? Blocker);
}
