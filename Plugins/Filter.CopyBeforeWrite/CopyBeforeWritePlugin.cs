// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.CopyBeforeWrite;

[assembly: PluginEntry(typeof(CopyBeforeWritePlugin))]

namespace BlockHost.Plugins.Filter.CopyBeforeWrite;

public sealed class CopyBeforeWritePlugin : Plugin
{
    public override PluginIdentity Identity { get; } =
        new("filter.copybeforewrite", "0.1.0", "Keeps a disk as it was at one moment: what is about to be overwritten is copied first");

    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new CopyBeforeWriteDriver());
        registry.Add(new SnapshotAccessDriver());
    }
}
