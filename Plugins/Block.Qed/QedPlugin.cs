// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Qed;

[assembly: PluginEntry(typeof(QedPlugin))]

namespace BlockHost.Plugins.Block.Qed;

public sealed class QedPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new QedDriver());
}
