// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Vdi;

[assembly: PluginEntry(typeof(VdiPlugin))]

namespace BlockHost.Plugins.Block.Vdi;

public sealed class VdiPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new VdiDriver());
}
