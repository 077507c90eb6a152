// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Nbd;

[assembly: PluginEntry(typeof(NbdPlugin))]

namespace BlockHost.Plugins.Block.Nbd;

/// <summary>Disks of NBD servers.</summary>
public sealed class NbdPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new NbdDriver());
}
