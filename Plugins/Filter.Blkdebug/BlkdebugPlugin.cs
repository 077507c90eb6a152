// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Blkdebug;

[assembly: PluginEntry(typeof(BlkdebugPlugin))]

namespace BlockHost.Plugins.Filter.Blkdebug;

public sealed class BlkdebugPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new BlkdebugDriver());
}
