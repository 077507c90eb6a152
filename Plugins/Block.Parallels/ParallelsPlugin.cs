// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Parallels;

[assembly: PluginEntry(typeof(ParallelsPlugin))]

namespace BlockHost.Plugins.Block.Parallels;

public sealed class ParallelsPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new ParallelsDriver());
}
