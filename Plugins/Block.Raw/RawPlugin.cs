// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Raw;

[assembly: PluginEntry(typeof(RawPlugin))]

namespace BlockHost.Plugins.Block.Raw;

public sealed class RawPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new RawDriver());
}
