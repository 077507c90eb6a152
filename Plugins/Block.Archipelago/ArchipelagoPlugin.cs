// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Archipelago;

[assembly: PluginEntry(typeof(ArchipelagoPlugin))]

namespace BlockHost.Plugins.Block.Archipelago;

/// <summary>Volumes of an Archipelago storage node.</summary>
public sealed class ArchipelagoPlugin : Plugin
{
    private readonly string _folder;

    public ArchipelagoPlugin()
        : this("/dev/shm")
    {
    }

    /// <param name="folder">Where shared memory segments have their names.</param>
    internal ArchipelagoPlugin(string folder) => _folder = folder;

    public override void Register(IPluginRegistry registry) => registry.Add(new ArchipelagoDriver(_folder));
}
