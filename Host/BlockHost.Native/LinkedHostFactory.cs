// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;

namespace BlockHost.Composition;

/// <summary>Hosts whose plugins are linked into the program.</summary>
internal sealed class LinkedHostFactory : IHostFactory
{
    public async ValueTask<RunningHost> StartAsync(HostOptions options, CancellationToken cancellationToken)
    {
        var host = HostComposition.Build(loader: null, PluginSelection.Everything, decorate: null);
        foreach (var plugin in LinkedPlugins.Create())
            await host.Plugins.AddLinkedAsync(plugin, cancellationToken);
        return host;
    }
}

/// <summary>This program's way to start hosts.</summary>
internal static class HostFactory
{
    public static IHostFactory Create() => new LinkedHostFactory();
}
