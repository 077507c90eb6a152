// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Blklogwrites;

[assembly: PluginEntry(typeof(BlklogwritesPlugin))]

namespace BlockHost.Plugins.Filter.Blklogwrites;

public sealed class BlklogwritesPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new BlklogwritesDriver());
}
