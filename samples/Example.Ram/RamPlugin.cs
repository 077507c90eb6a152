// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using Example.Ram;

[assembly: PluginEntry(typeof(RamPlugin))]

namespace Example.Ram;

public sealed class RamPlugin : Plugin
{
    public override PluginIdentity Identity { get; } = new("example.ram", "0.1.0", "Disks in memory that vanish when they are closed");

    public override void Register(IPluginRegistry registry) => registry.Add(new RamDriver());
}
