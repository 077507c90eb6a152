// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Bochs;

[assembly: PluginEntry(typeof(BochsPlugin))]

namespace BlockHost.Plugins.Block.Bochs;

public sealed class BochsPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new BochsDriver());
}
