// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Vmdk;

[assembly: PluginEntry(typeof(VmdkPlugin))]

namespace BlockHost.Plugins.Block.Vmdk;

public sealed class VmdkPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new VmdkDriver());
}
