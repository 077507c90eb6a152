// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.CopyBeforeWrite;

[assembly: PluginEntry(typeof(CopyBeforeWritePlugin))]

namespace BlockHost.Plugins.Filter.CopyBeforeWrite;

public sealed class CopyBeforeWritePlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new CopyBeforeWriteDriver());
        registry.Add(new SnapshotAccessDriver());
    }
}
