// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Luks;

[assembly: PluginEntry(typeof(LuksPlugin))]

namespace BlockHost.Plugins.Block.Luks;

public sealed class LuksPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new LuksDriver());
}
