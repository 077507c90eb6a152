// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Ftp;

[assembly: PluginEntry(typeof(FtpPlugin))]

namespace BlockHost.Plugins.Block.Ftp;

/// <summary>Disks on FTP servers.</summary>
public sealed class FtpPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new FtpDriver());
        registry.Add(new FtpsDriver());
    }
}
