// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Tftp;

[assembly: PluginEntry(typeof(TftpPlugin))]

namespace BlockHost.Plugins.Block.Tftp;

/// <summary>Disks on TFTP servers.</summary>
public sealed class TftpPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new TftpDriver());
}
