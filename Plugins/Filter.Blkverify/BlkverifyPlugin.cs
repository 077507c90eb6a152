// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Blkverify;

[assembly: PluginEntry(typeof(BlkverifyPlugin))]

namespace BlockHost.Plugins.Filter.Blkverify;

public sealed class BlkverifyPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new BlkverifyDriver());
}
