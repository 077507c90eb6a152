// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Copying.Mirroring.Filter;
using BlockHost.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Copying.Mirroring;

/// <summary>How a mirroring job comes to be.</summary>
public sealed record MirrorPlan
{
    public required JobType Type { get; init; }

    public required string? Id { get; init; }

    public JobFlags Flags { get; init; }

    /// <summary>Bytes a second; 0: no limit.</summary>
    public long Speed { get; init; }

    public required MirrorSettings Settings { get; init; }

    /// <summary>Null: the filter is implicit.</summary>
    public string? FilterNodeName { get; init; }

    /// <summary>What the job needs of the target and shares there.</summary>
    public BlockPermissionSet OnTarget { get; init; } = new(BlockPermissions.Write, BlockPermissions.WriteUnchanged);

    /// <summary>
    /// The target is under the source: what lies between may not be read as the job finds it, so the filter does not ask that of
    /// it.
    /// </summary>
    public bool TargetIsBelow { get; init; }

    /// <summary>Holds further nodes, such as those between source and target.</summary>
    public Func<IJobSetup, CancellationToken, ValueTask>? HoldMoreAsync { get; init; }
}

/// <summary>Puts the filter over the source, makes the job, and starts it; whatever fails, nothing is left behind.</summary>
public static class MirrorStart
{
    /// <param name="createJob">Makes the job once its nodes are held; must not fail.</param>
    /// <exception cref="QmpException">The job cannot be: the target is the source itself, or either is in use.</exception>
    public static async ValueTask RunAsync(
        IPluginHost host, MirrorPlan plan, Func<MirrorNodes, MirroringJob> createJob, CancellationToken cancellationToken)
    {
        if (BackingChain.SkipFilters(plan.Settings.Source) == BackingChain.SkipFilters(plan.Settings.Target))
            throw new QmpException("Can't mirror node into itself");
        var ((filter, top), dirty) = await InsertAsync(host.Graph, plan, cancellationToken).ConfigureAwait(false);
        try
        {
            var setup = await host.Jobs.CreateAsync(
                new JobRequest { Type = plan.Type, Id = plan.Id, Flags = plan.Flags }, cancellationToken).ConfigureAwait(false);
            var (source, target) = await HoldAsync(setup, plan, filter, cancellationToken).ConfigureAwait(false);
            setup.Start(createJob(
                new MirrorNodes(top)
                { Job = setup.Context, Source = source, Target = target, Filter = filter, Dirty = dirty }));
        }
        catch
        {
            await host.Graph.RemoveFilterAsync(filter, CancellationToken.None).ConfigureAwait(false);
            dirty.Dispose();
            throw;
        }
    }

    /// <summary>With nothing in flight: a write that is under way while the bitmap is made would not be marked.</summary>
    private static async ValueTask<(InsertedFilter<MirrorTopNode> Filter, IDirtyBitmap Dirty)> InsertAsync(
        IBlockGraph graph, MirrorPlan plan, CancellationToken cancellationToken)
    {
        var source = plan.Settings.Source;
        var options = new FilterOptions { ChildOption = "backing", NodeName = plan.FilterNodeName };
        await using var drained = (await graph.DrainAsync(source, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var dirty = source.DirtyBitmaps.CreateAnonymous(plan.Settings.Granularity);
        try
        {
            return (await graph.InsertFilterAsync(
                source, "mirror_top", Make, options, cancellationToken).ConfigureAwait(false), dirty);
        }
        catch
        {
            dirty.Dispose();
            throw;
        }

        ValueTask<MirrorTopNode> Make(IBlockNodeContext context, IBlockChild child, CancellationToken opening) =>
            new(new MirrorTopNode(child, plan.TargetIsBelow));
    }

    private static async ValueTask<(IBlockBackend Source, IBlockBackend Target)> HoldAsync(
        IJobSetup setup, MirrorPlan plan, IGraphNode filter, CancellationToken cancellationToken)
    {
        const BlockPermissions others = BlockPermissions.All & ~BlockPermissions.Resize;
        try
        {
            await setup.SetSpeedAsync(plan.Speed).ConfigureAwait(false);
            await setup.HoldAsync(
                "main node", filter, new(BlockPermissions.ConsistentRead, others), cancellationToken).ConfigureAwait(false);
            var source = await setup.HoldAsync(
                "source", plan.Settings.Source, new(BlockPermissions.None, others), cancellationToken).ConfigureAwait(false);
            var target = await setup.OpenBackendAsync(
                plan.Settings.Target, plan.OnTarget, cancellationToken).ConfigureAwait(false);
            // A disk is moved by mirroring it: the job does not keep the machine from going after it.
            target.AllowsInactive = true;
            await setup.HoldAsync(
                "target", plan.Settings.Target, BlockPermissionSet.None, cancellationToken).ConfigureAwait(false);
            if (plan.HoldMoreAsync is { } more)
                await more(setup, cancellationToken).ConfigureAwait(false);
            return (source, target);
        }
        catch
        {
            await setup.FailAsync().ConfigureAwait(false);
            throw;
        }
    }
}
