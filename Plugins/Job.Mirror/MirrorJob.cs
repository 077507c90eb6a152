// SPDX-License-Identifier: MIT
using BlockHost.Copying.Mirroring;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Mirror;

internal sealed class MirrorJobType : JobType
{
    public override string Name => "mirror";
}

internal sealed class MirrorJob(MirrorSettings settings, IPluginHost host, MirrorNodes nodes) : MirroringJob(settings, host, nodes);
