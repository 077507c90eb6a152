// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Quorum;

[assembly: PluginEntry(typeof(QuorumPlugin))]

namespace BlockHost.Plugins.Block.Quorum;

public sealed class QuorumPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new QuorumDriver());
        registry.Add(QuorumEvents.Failure);
        registry.Add(QuorumEvents.ReportBad);
    }
}
