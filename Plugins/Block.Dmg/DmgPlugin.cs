// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Dmg;

[assembly: PluginEntry(typeof(DmgPlugin))]

namespace BlockHost.Plugins.Block.Dmg;

public sealed class DmgPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new DmgDriver());
}
