// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Cloop;

[assembly: PluginEntry(typeof(CloopPlugin))]

namespace BlockHost.Plugins.Block.Cloop;

public sealed class CloopPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new CloopDriver());
}
