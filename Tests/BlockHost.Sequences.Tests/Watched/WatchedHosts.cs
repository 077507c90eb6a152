// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Composition;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;
using BlockHost.Plugins.Block.File;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Sequences.Tests.Watched;

/// <summary>Hosts whose files are watched; everything above is as always:
/// <code>
///   tool ─► format ─► "file": WatchedNode ─► the driver's own node ─► kernel
///                             └─► FileWatch
/// </code>
/// </summary>
internal sealed class WatchedHosts(FileWatch watch) : IHostFactory
{
    private const string Files = "block.file";

    public ValueTask<RunningHost> StartAsync(HostOptions options, CancellationToken cancellationToken)
    {
        var plugins = LinkedPlugins.All()
            .Select(plugin => plugin.Id == Files ? plugin with { Create = () => new WatchedFilePlugin(watch) } : plugin);
        var loader = new LinkedPluginLoader([.. plugins], AppContext.BaseDirectory);
        var host = HostComposition.Build(loader, PluginSelection.Everything, startInline: true, options.Log, decorate: null);
        host.Plugins.Discover();
        return new(host);
    }

    private sealed class WatchedFilePlugin(FileWatch watch) : Plugin
    {
        private readonly FilePlugin _files = new();

        public override void Register(IPluginRegistry registry) => _files.Register(new WatchingRegistry(registry, watch));

        public override ValueTask StopAsync(CancellationToken cancellationToken) => _files.StopAsync(cancellationToken);
    }

    private sealed class WatchingRegistry(IPluginRegistry registry, FileWatch watch) : IPluginRegistry
    {
        public void Add(IProvided thing) =>
            registry.Add(thing is BlockDriver { FormatName: "file" } driver ? new WatchedDriver(driver, watch) : thing);
    }
}
