// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Copying;
using BlockHost.Jobs;
using BlockHost.Plugins.Job.Commit.Filter;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Commit;

/// <summary>
/// Sets up the commit of images that nobody writes:
/// <code>
///   guests ─► active ─► commit_top ─► top ─► … ─► base
///                                      └── job ──► ▲
/// </code>
/// </summary>
internal static class IntermediateCommit
{
    private const BlockPermissions ReadAndUnchanged = BlockPermissions.ConsistentRead | BlockPermissions.WriteUnchanged;

    public static async ValueTask StartAsync(
        IPluginHost host, CommitChain chain, CommitRequest request, CancellationToken cancellationToken)
    {
        BackingChain.Layers(chain.Active, chain.Top).Last().CheckOperation(BlockOperations.CommitTarget);
        var setup = await host.Jobs.CreateAsync(
            new JobRequest { Type = request.Type, Id = request.Id, Flags = request.Flags },
            cancellationToken).ConfigureAwait(false);
        try
        {
            await setup.SetSpeedAsync(request.Speed).ConfigureAwait(false);
            await setup.HoldAsync("main node", chain.Active, BlockPermissionSet.None, cancellationToken).ConfigureAwait(false);
            var access = await WritableNode.OpenAsync(host.Graph, chain.Base, cancellationToken).ConfigureAwait(false);
            try
            {
                await InsertAndStartAsync(setup, host, chain, request, access, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                await setup.Context.ReleaseNodesAsync().ConfigureAwait(false);
                await access.RestoreAsync().ConfigureAwait(false);
                throw;
            }
        }
        catch
        {
            await setup.FailAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask InsertAndStartAsync(
        IJobSetup setup,
        IPluginHost host,
        CommitChain chain,
        CommitRequest request,
        WritableNode access,
        CancellationToken cancellationToken)
    {
        var options = new FilterOptions { ChildOption = "backing", ReadOnly = true, NodeName = request.FilterNodeName };
        var (filter, _) = await host.Graph.InsertFilterAsync(
            chain.Top,
            "commit_top",
            static (_, child, _) => new ValueTask<CommitTopNode>(new CommitTopNode(child)),
            options,
            cancellationToken).ConfigureAwait(false);
        try
        {
            await HoldAsync(setup, chain, cancellationToken).ConfigureAwait(false);
            var grows = chain.Base.Length < chain.Top.Length ? BlockPermissions.Resize : 0;
            var writes = new BlockPermissionSet(
                BlockPermissions.ConsistentRead | BlockPermissions.Write | grows, ReadAndUnchanged);
            var target = await setup.OpenBackendAsync(chain.Base, writes, cancellationToken).ConfigureAwait(false);
            var source = await setup.OpenBackendAsync(
                chain.Top, BlockPermissionSet.None, cancellationToken).ConfigureAwait(false);
            setup.Start(new CommitJob(host, setup.Context, chain, request, new CommitNodes(source, target, filter, access)));
        }
        catch
        {
            await setup.Context.ReleaseNodesAsync().ConfigureAwait(false);
            await host.Graph.RemoveFilterAsync(filter, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask HoldAsync(IJobSetup setup, CommitChain chain, CancellationToken cancellationToken)
    {
        foreach (var (layer, permissions) in chain.Holds)
            await setup.HoldAsync("intermediate node", layer, permissions, cancellationToken).ConfigureAwait(false);
        await setup.HoldAsync("base", chain.Base, BlockPermissionSet.None, cancellationToken).ConfigureAwait(false);
    }
}

/// <summary>What a commit job works with.</summary>
/// <param name="Source">On the top image, under the filter.</param>
/// <param name="Target">On the base.</param>
internal sealed record CommitNodes(IBlockBackend Source, IBlockBackend Target, IGraphNode Filter, WritableNode Access);
