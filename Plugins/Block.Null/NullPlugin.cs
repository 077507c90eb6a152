// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Null;

[assembly: PluginEntry(typeof(NullPlugin))]

namespace BlockHost.Plugins.Block.Null;

public sealed class NullPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new NullDriver("null-co"));
        registry.Add(new NullDriver("null-aio"));
    }
}
