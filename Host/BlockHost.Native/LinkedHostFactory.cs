// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Core;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qmp;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace BlockHost.Composition;

/// <summary>Hosts whose plugins are linked into the program.</summary>
internal sealed class LinkedHostFactory : IHostFactory
{
    public ValueTask<RunningHost> StartAsync(HostOptions options, CancellationToken cancellationToken)
    {
        var plugins = LinkedPlugins.All();
        if (LoadingProgram.IsInstalled && (WantsOthers(options) || LoadingProgram.KnowsMoreThan(plugins)))
            LoadingProgram.Become();
        if (WantsOthers(options))
            throw new ToolException("This program has its plugins linked in, and loads no others");
        var host = HostComposition.Build(new LinkedPluginLoader(plugins, AppContext.BaseDirectory), PluginSelection.Everything, startInline: true, options.Log, Decoration(options));
        host.Plugins.Discover();
        return new(host);
    }

    private static bool WantsOthers(HostOptions options) =>
        options.PluginFolders.Count > 0 || options.ManifestFolders.Count > 0 || options.Composition is not null;

    /// <summary>As Scrutor does it, without reflection.</summary>
    private static Action<IServiceCollection>? Decoration(HostOptions options)
    {
        if (options.AuditLog is not { } path)
            return null;
        return services =>
        {
            services.AddSingleton(provider => new AuditLog(path, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<HostWarnings>()));
            services.AddSingleton<QmpDispatcher>();
            services.Replace(ServiceDescriptor.Singleton<IQmpDispatcher>(provider =>
                new AuditingDispatcher(provider.GetRequiredService<QmpDispatcher>(), provider.GetRequiredService<AuditLog>())));
        };
    }
}

/// <summary>This program's way to start hosts.</summary>
internal static class HostFactory
{
    public static IHostFactory Create() => new LinkedHostFactory();
}
