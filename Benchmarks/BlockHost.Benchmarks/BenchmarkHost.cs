// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Composition;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;
using BlockHost.Plugins.Block.File;
using BlockHost.Plugins.Block.Null;
using BlockHost.Plugins.Block.Qcow2;
using BlockHost.Plugins.Block.Raw;
using Microsoft.Extensions.DependencyInjection;

namespace BlockHost.Benchmarks;

/// <summary>The real host with the drivers linked in, and a way in to one node.</summary>
internal sealed class BenchmarkHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private BenchmarkHost(ServiceProvider services) => _services = services;

    public IBlockGraph Graph => _services.GetRequiredService<IBlockGraph>();

    public static async Task<BenchmarkHost> StartAsync()
    {
        var services = new ServiceCollection();
        services.AddBlockHostCore();
        services.AddBlockHostMonitors();
        services.AddSingleton(
            provider => new PluginManager(new PluginManagerOptions { Host = provider.GetRequiredService<IPluginHost> }));
        var host = new BenchmarkHost(services.BuildServiceProvider());
        var plugins = host._services.GetRequiredService<PluginManager>();
        foreach (var plugin in new Plugin[] { new FilePlugin(), new NullPlugin(), new RawPlugin(), new Qcow2Plugin() })
            await plugins.AddLinkedAsync(plugin.GetType().Name, plugin, CancellationToken.None);
        return host;
    }

    public async Task<IBlockQueue> OpenAsync(string options)
    {
        var permissions = new BlockPermissionSet(BlockPermissions.ConsistentRead | BlockPermissions.Write, BlockPermissions.All);
        var backend = await Graph.OpenAsync(
            BlockdevRef.New(JsonDocument.Parse(options).RootElement),
            new BackendOptions { Permissions = permissions },
            CancellationToken.None);
        return backend.OpenQueue();
    }

    public Task CreateAsync(string options) =>
        Graph.CreateImageAsync(JsonDocument.Parse(options).RootElement, CancellationToken.None).AsTask();

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
