// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Core;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qmp;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace BlockHost.Composition;

/// <summary>
/// Hosts whose plugins are linked into the program. What needs another plugin is done by the program that loads plugins,
/// where one is installed beside this one:
/// <code>
///   a tool that runs and ends     starts over there when it first asks for such a plugin
///   a daemon, a composition       starts there
/// </code>
/// </summary>
internal sealed class LinkedHostFactory : IHostFactory
{
    public ValueTask<RunningHost> StartAsync(HostOptions options, CancellationToken cancellationToken)
    {
        var linked = LinkedPlugins.All();
        IReadOnlyList<PluginCandidate> others = [];
        if (LoadingProgram.IsInstalled)
        {
            others = OtherPlugins.Find(linked, options);
            if (options.Composition is not null || (others.Count > 0 && !options.CanStartOver))
                LoadingProgram.Become();
        }
        else if (WantsOthers(options))
        {
            throw new ToolException("This program has its plugins linked in, and loads no others");
        }

        var loader = new LinkedPluginLoader(linked, AppContext.BaseDirectory, others);
        var host = HostComposition.Build(
            loader,
            PluginSelection.Everything,
            startInline: true,
            options.Log with { CanChange = options.CanUnload },
            Decoration(options),
            options.CreateMemoryBudget());
        host.Plugins.Discover();
        return new(host);
    }

    /// <summary>All that was open is closed by now: the other program begins from the beginning.</summary>
    public void StartOver(NotLinkedInException reason) => LoadingProgram.Become();

    private static bool WantsOthers(HostOptions options) =>
        options.PluginFolders.Count > 0 || options.ManifestFolders.Count > 0 || options.Composition is not null;

    /// <summary>As Scrutor does it, without reflection.</summary>
    private static Action<IServiceCollection>? Decoration(HostOptions options)
    {
        if (options.AuditLog is not { } path)
            return null;
        return services =>
        {
            services.AddSingleton(
                provider =>
                    new AuditLog(path, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<HostWarnings>()));
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
