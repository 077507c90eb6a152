// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.File;
using BlockHost.Plugins.Block.File.Devices;
using BlockHost.Plugins.Block.File.Engines;

[assembly: PluginEntry(typeof(FilePlugin))]

namespace BlockHost.Plugins.Block.File;

/// <summary>Files and devices of the Linux host.</summary>
public sealed class FilePlugin : Plugin
{
    private readonly WorkerPool _workers = new();
    private readonly IDeviceLayer _devices;

    public FilePlugin()
        : this(new LinuxDevices())
    {
    }

    internal FilePlugin(IDeviceLayer devices) => _devices = devices;

    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new FileDriver(_workers, _devices));
        registry.Add(new HostDeviceDriver(_workers, _devices));
        registry.Add(new HostCdromDriver(_workers, _devices));
        registry.Add(new HostFloppyDriver(_workers, _devices));
    }

    public override ValueTask StopAsync(CancellationToken cancellationToken) => _workers.DisposeAsync();
}
