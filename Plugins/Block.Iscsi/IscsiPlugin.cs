// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Iscsi;

[assembly: PluginEntry(typeof(IscsiPlugin))]

namespace BlockHost.Plugins.Block.Iscsi;

/// <summary>Disks of iSCSI targets.</summary>
public sealed class IscsiPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new IscsiDriver());
}
