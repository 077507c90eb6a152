// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using Example.Ram;

[assembly: PluginEntry(typeof(RamPlugin))]

namespace Example.Ram;

public sealed class RamPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new RamDriver());
}
