// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

[assembly: PluginEntry(typeof(BlockHost.Plugins.Block.Qcow2.Qcow2Plugin))]

namespace BlockHost.Plugins.Block.Qcow2;

/// <summary>Provides the block driver "qcow2".</summary>
public sealed class Qcow2Plugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new Qcow2Driver());
}
