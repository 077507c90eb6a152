// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Compress;

[assembly: PluginEntry(typeof(CompressPlugin))]

namespace BlockHost.Plugins.Filter.Compress;

public sealed class CompressPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new CompressDriver());
}
