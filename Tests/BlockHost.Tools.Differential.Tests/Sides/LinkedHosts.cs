// SPDX-License-Identifier: MIT
using BlockHost.Composition;
using BlockHost.Core.Plugins;

namespace BlockHost.Tools.Differential.Tests.Sides;

/// <summary>Hosts with every plugin linked in.</summary>
internal sealed class LinkedHosts : IHostFactory
{
    public async ValueTask<RunningHost> StartAsync(HostOptions options, CancellationToken cancellationToken)
    {
        var host = HostComposition.Build(loader: null, PluginSelection.Everything, decorate: null);
        foreach (var plugin in LinkedPlugins.Create())
            await host.Plugins.AddLinkedAsync(plugin, cancellationToken);
        return host;
    }
}
