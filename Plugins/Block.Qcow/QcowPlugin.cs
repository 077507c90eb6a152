// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Qcow;

[assembly: PluginEntry(typeof(QcowPlugin))]

namespace BlockHost.Plugins.Block.Qcow;

public sealed class QcowPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new QcowDriver());
}
