// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Export.VhostUserBlk;

[assembly: PluginEntry(typeof(VhostUserBlkPlugin))]

namespace BlockHost.Plugins.Export.VhostUserBlk;

/// <summary>Gives nodes to guests as virtio-blk devices, over vhost-user.</summary>
public sealed class VhostUserBlkPlugin : Plugin
{
    private readonly RingLoops _loops = new();

    public override void Register(IPluginRegistry registry) => registry.Add(new VhostUserBlkExportType(_loops));

    public override ValueTask StartAsync(IPluginHost host, CancellationToken cancellationToken)
    {
        _loops.Log = host.Loggers.CreateLogger("");
        return ValueTask.CompletedTask;
    }

    public override ValueTask StopAsync(CancellationToken cancellationToken) => _loops.DisposeAsync();
}
