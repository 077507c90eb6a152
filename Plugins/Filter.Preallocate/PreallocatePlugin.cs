// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Preallocate;

[assembly: PluginEntry(typeof(PreallocatePlugin))]

namespace BlockHost.Plugins.Filter.Preallocate;

public sealed class PreallocatePlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new PreallocateDriver());
}
