// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.CopyOnRead;

[assembly: PluginEntry(typeof(CopyOnReadPlugin))]

namespace BlockHost.Plugins.Filter.CopyOnRead;

public sealed class CopyOnReadPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new CopyOnReadDriver());
}
