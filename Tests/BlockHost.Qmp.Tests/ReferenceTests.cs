// SPDX-License-Identifier: MIT
using BlockHost.Composition;
using BlockHost.Core.Composition;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Plugins;
using BlockHost.Qmp.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace BlockHost.Qmp.Tests;

/// <summary>docs/qmp-reference.md is written from the registered types; BLOCKHOST_UPDATE_DOCS=1 writes it anew.</summary>
public class ReferenceTests
{
    [Fact]
    public async Task The_reference_shows_the_commands_as_they_are()
    {
        var path = Path.Combine(SourceTree.Root, "docs", "qmp-reference.md");
        var actual = await WriteAsync();
        if (Environment.GetEnvironmentVariable("BLOCKHOST_UPDATE_DOCS") == "1")
            await File.WriteAllTextAsync(path, actual);

        Assert.True(
            await File.ReadAllTextAsync(path) == actual,
            "docs/qmp-reference.md is out of date; BLOCKHOST_UPDATE_DOCS=1 writes it anew");
    }

    private static async Task<string> WriteAsync()
    {
        var services = new ServiceCollection();
        services.AddBlockHostCore();
        services.AddBlockHostMonitors();
        services.AddSingleton(
            provider => new PluginManager(new PluginManagerOptions { Host = provider.GetRequiredService<IPluginHost> }));
        services.AddSingleton<PluginCommands>();
        await using var provider = services.BuildServiceProvider();
        var plugins = provider.GetRequiredService<PluginManager>();
        plugins.AddHost(registry => MonitorComposition.RegisterHost(provider, registry));
        plugins.AddHost(registry => CoreServices.RegisterHost(provider, registry));
        plugins.AddHost(provider.GetRequiredService<PluginCommands>().Register);
        foreach (var plugin in LinkedPlugins.All())
            await plugins.AddLinkedAsync(plugin.Id, plugin.Create(), CancellationToken.None);
        return new ReferenceWriter(plugins, provider.GetRequiredService<QapiTypes>(), provider.GetRequiredService<QapiBranches>())
            .Write();
    }
}
