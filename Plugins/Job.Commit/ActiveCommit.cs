// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Copying;
using BlockHost.Copying.Mirroring;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Commit;

/// <summary>
/// The commit of an image that is written: it is mirrored onto its base until a user completes the job, and then its users
/// move there:
/// <code>
///   guests ─► mirror_top ─► top ─► … ─► base      becomes      guests ─► base
/// </code>
/// </summary>
internal static class ActiveCommit
{
    private const BlockPermissions Others = BlockPermissions.ConsistentRead | BlockPermissions.Write
        | BlockPermissions.WriteUnchanged;

    public static async ValueTask StartAsync(
        IPluginHost host, CommitChain chain, CommitRequest request, CancellationToken cancellationToken)
    {
        var access = await WritableNode.OpenAsync(host.Graph, chain.Base, cancellationToken).ConfigureAwait(false);
        try
        {
            var plan = await PlanAsync(chain, request, cancellationToken).ConfigureAwait(false);
            await MirrorStart.RunAsync(
                host, plan, nodes => new ActiveCommitJob(plan.Settings, host, nodes), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await access.RestoreAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask<MirrorPlan> PlanAsync(
        CommitChain chain, CommitRequest request, CancellationToken cancellationToken)
    {
        var grows = chain.Base.Length < chain.Top.Length ? BlockPermissions.Resize : 0;
        return new MirrorPlan
        {
            Type = request.Type,
            Id = request.Id,
            Flags = request.Flags,
            Speed = request.Speed,
            FilterNodeName = request.FilterNodeName,
            OnTarget = new(BlockPermissions.Write | grows, Others),
            TargetIsBelow = true,
            HoldMoreAsync = (setup, token) => HoldAsync(setup, chain, token),
            Settings = new MirrorSettings
            {
                Source = chain.Top,
                Target = chain.Base,
                Base = chain.Base,
                Granularity = await chain.Base.DirtyBitmaps.GetDefaultGranularityAsync(cancellationToken).ConfigureAwait(false),
                OnSourceError = request.OnError,
                OnTargetError = request.OnError,
            },
        };
    }

    private static async ValueTask HoldAsync(IJobSetup setup, CommitChain chain, CancellationToken cancellationToken)
    {
        foreach (var (layer, permissions) in chain.Holds.Skip(1))
            await setup.HoldAsync("intermediate node", layer, permissions, cancellationToken).ConfigureAwait(false);
    }
}

/// <summary>A mirror whose target is below its source, and grows to hold it.</summary>
internal sealed class ActiveCommitJob(
    MirrorSettings settings, IPluginHost host, MirrorNodes nodes) : MirroringJob(settings, host, nodes)
{
    protected override async ValueTask PrepareTargetAsync(IJobContext context, CancellationToken cancellationToken)
    {
        if (Nodes.Target.Length < Nodes.Source.Length)
            await BaseGrowth.GrowAsync(context, Nodes.Target, Nodes.Source.Length, cancellationToken).ConfigureAwait(false);
    }
}
