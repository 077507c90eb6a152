// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.CopyOnRead;

[assembly: PluginEntry(typeof(CopyOnReadPlugin))]

namespace BlockHost.Plugins.Filter.CopyOnRead;

public sealed class CopyOnReadPlugin : Plugin
{
    public override PluginIdentity Identity { get; } = new("filter.copyonread", "0.1.0", "Copies what is read from backing files into the image");

    public override void Register(IPluginRegistry registry) => registry.Add(new CopyOnReadDriver());
}
