// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Copying.Mirroring;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Mirror;

internal sealed class MirrorJobType : JobType
{
    public override string Name => "mirror";
}

/// <summary>A mirror whose target can get a backing file before users move there.</summary>
internal sealed class MirrorJob(
    MirrorSettings settings, TargetBacking backing, IPluginHost host, MirrorNodes nodes) : MirroringJob(settings, host, nodes)
{
    protected override async ValueTask PivotAsync(CancellationToken cancellationToken)
    {
        if (backing == TargetBacking.OfSource)
            await SetBackingAsync(
                Settings.OnlyNewWrites ? Settings.Source : Settings.Base, cancellationToken).ConfigureAwait(false);
        else if (backing == TargetBacking.OfHeader)
            await Graph.OpenRecordedBackingAsync(Settings.Target, cancellationToken).ConfigureAwait(false);
        await base.PivotAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask SetBackingAsync(IGraphNode? below, CancellationToken cancellationToken)
    {
        if (Settings.Target.Backing != below)
            await Graph.SetBackingAsync(Settings.Target, below, cancellationToken).ConfigureAwait(false);
    }
}
