// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Vpc;

[assembly: PluginEntry(typeof(VpcPlugin))]

namespace BlockHost.Plugins.Block.Vpc;

public sealed class VpcPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new VpcDriver());
}
