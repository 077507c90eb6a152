// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Rbd;

[assembly: PluginEntry(typeof(RbdPlugin))]

namespace BlockHost.Plugins.Block.Rbd;

/// <summary>Disks on Ceph.</summary>
public sealed class RbdPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new RbdDriver());
}
