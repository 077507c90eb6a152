// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Vvfat;

[assembly: PluginEntry(typeof(VvfatPlugin))]

namespace BlockHost.Plugins.Block.Vvfat;

public sealed class VvfatPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new VvfatDriver());
}
