// SPDX-License-Identifier: MIT
using BlockHost.Core.Composition;
using BlockHost.Core.Objects;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qmp;
using BlockHost.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace BlockHost.Qmp.Tests;

public class CompositionTests
{
    [Fact]
    public async Task The_services_compose_and_declare_their_commands()
    {
        var services = new ServiceCollection();
        services.AddBlockHostCore();
        services.AddBlockHostMonitors();
        services.AddSingleton(
            provider => new PluginManager(new PluginManagerOptions { Host = provider.GetRequiredService<IPluginHost> }));
        await using var provider = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true });

        var plugins = provider.GetRequiredService<PluginManager>();
        plugins.AddHost(registry => MonitorComposition.RegisterHost(provider, registry));

        Assert.NotNull(provider.GetRequiredService<Monitors>());
        Assert.Contains("query-qmp-schema", plugins.Of(ProvidedKind.Command).Names);
        Assert.Contains("SHUTDOWN", plugins.Of(ProvidedKind.Event).Names);
        Assert.Contains("secret", plugins.NamesOf(ProvidedKind.Object));
    }
}
