// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Ssh;

[assembly: PluginEntry(typeof(SshPlugin))]

namespace BlockHost.Plugins.Block.Ssh;

/// <summary>Disks that are files of other machines, over SSH.</summary>
public sealed class SshPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new SshDriver());
}
