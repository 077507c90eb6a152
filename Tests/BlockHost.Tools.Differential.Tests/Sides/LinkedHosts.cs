// SPDX-License-Identifier: MIT
using BlockHost.Composition;
using BlockHost.Core.Plugins;

namespace BlockHost.Tools.Differential.Tests.Sides;

/// <summary>Hosts with every plugin linked in.</summary>
internal sealed class LinkedHosts : IHostFactory
{
    public ValueTask<RunningHost> StartAsync(HostOptions options, CancellationToken cancellationToken)
    {
        var loader = new LinkedPluginLoader(LinkedPlugins.All(), AppContext.BaseDirectory);
        var host = HostComposition.Build(loader, PluginSelection.Everything, startInline: true, options.Log, decorate: null);
        host.Plugins.Discover();
        return new(host);
    }
}
