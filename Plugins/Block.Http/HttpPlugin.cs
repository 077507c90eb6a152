// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Http;

[assembly: PluginEntry(typeof(HttpPlugin))]

namespace BlockHost.Plugins.Block.Http;

/// <summary>Disks on web servers.</summary>
public sealed class HttpPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new HttpDriver());
        registry.Add(new HttpsDriver());
    }
}
