// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.File;
using BlockHost.Plugins.Block.File.Engines;

[assembly: PluginEntry(typeof(FilePlugin))]

namespace BlockHost.Plugins.Block.File;

/// <summary>Files and devices of the Linux host.</summary>
public sealed class FilePlugin : Plugin
{
    private readonly WorkerPool _workers = new();

    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new FileDriver(_workers));
        registry.Add(new HostDeviceDriver(_workers));
    }

    public override ValueTask StopAsync(CancellationToken cancellationToken) => _workers.DisposeAsync();
}
