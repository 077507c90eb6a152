// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Vhdx;

[assembly: PluginEntry(typeof(VhdxPlugin))]

namespace BlockHost.Plugins.Block.Vhdx;

public sealed class VhdxPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new VhdxDriver());
}
