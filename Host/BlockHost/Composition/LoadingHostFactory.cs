// SPDX-License-Identifier: MIT
using BlockHost.Core;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qmp;
using BlockHost.Loading;
using Microsoft.Extensions.DependencyInjection;

namespace BlockHost.Composition;

/// <summary>Hosts whose plugins come from files.</summary>
internal sealed class LoadingHostFactory : IHostFactory
{
    public ValueTask<RunningHost> StartAsync(HostOptions options, CancellationToken cancellationToken)
    {
        var locations = PluginLocations.From(options.ManifestFolders, options.PluginFolders);
        var selection = options.Composition is { } name ? CompositionFile.Read(name, locations) : PluginSelection.Everything;
        var loader = new AssemblyPluginLoader(locations) { Unloadable = options.CanUnload };
        var host = HostComposition.Build(
            loader,
            selection,
            startInline: false,
            options.Log with { CanChange = options.CanUnload },
            Decoration(options),
            options.CreateMemoryBudget());
        host.Plugins.Discover();
        return new(host);
    }

    /// <summary>What stands around the command dispatcher, by Scrutor.</summary>
    private static Action<IServiceCollection>? Decoration(HostOptions options)
    {
        if (options.AuditLog is not { } path)
            return null;
        return services =>
        {
            services.AddSingleton(
                provider =>
                    new AuditLog(path, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<HostWarnings>()));
            services.Decorate<IQmpDispatcher, AuditingDispatcher>();
        };
    }
}

/// <summary>This program's way to start hosts; BlockHost.Native has its own.</summary>
internal static class HostFactory
{
    public static IHostFactory Create() => new LoadingHostFactory();
}
