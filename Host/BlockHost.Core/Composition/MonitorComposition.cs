// SPDX-License-Identifier: MIT
using BlockHost.Core.Chardevs;
using BlockHost.Core.Chardevs.Mux;
using BlockHost.Core.Descriptors;
using BlockHost.Core.Machine;
using BlockHost.Core.Metrics;
using BlockHost.Core.Objects.Qom;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Core.Qmp;
using BlockHost.Core.Qmp.Commands;
using BlockHost.Core.Qmp.Sessions;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace BlockHost.Core.Composition;

/// <summary>The management plane's services.</summary>
public static class MonitorComposition
{
    /// <summary>
    /// Adds schema, dispatcher, events, character devices and monitors. The root adds the <see cref="PluginManager"/>
    /// and calls <see cref="RegisterHost"/> when all is built.
    /// </summary>
    public static IServiceCollection AddBlockHostMonitors(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IPluginCatalog>(provider => provider.GetRequiredService<PluginManager>());
        services.TryAddSingleton<QapiTypes>();
        services.TryAddSingleton<QapiBranches>();
        services.TryAddSingleton<QapiInput>();
        services.TryAddSingleton<QapiHelp>();
        services.TryAddSingleton<QapiIntrospection>();
        services.TryAddSingleton<MonitorEvents>();
        services.TryAddSingleton<IQmpEvents>(provider => provider.GetRequiredService<MonitorEvents>());
        services.TryAddSingleton<HostLifetime>();
        services.TryAddSingleton<MonitorCommands>();
        services.TryAddSingleton<QomCommands>();
        services.TryAddSingleton<CommandFigures>();
        services.TryAddSingleton<HostMetrics>();
        services.TryAddSingleton<IQmpDispatcher, QmpDispatcher>();
        services.TryAddSingleton(new MonitorLimits());
        services.TryAddSingleton<Monitors>();
        return services;
    }

    /// <summary>Declares the commands and events of these services, for <see cref="PluginManager.AddHost"/>.</summary>
    public static void RegisterHost(IServiceProvider services, IPluginRegistry registry)
    {
        services.GetRequiredService<MonitorCommands>().Register(registry);
        services.GetRequiredService<QomCommands>().Register(registry);
        MachineCommands.Register(registry, services.GetRequiredService<MachineState>());
        registry.Add(new MuxBackend(
            services.GetRequiredService<ChardevTable>(),
            services.GetRequiredService<HostLifetime>(),
            services.GetRequiredService<TimeProvider>()));
        DescriptorCommands.Register(
            registry, services.GetRequiredService<DescriptorSets>(), services.GetRequiredService<PassedDescriptors>());
        ChardevCommands.Register(
            registry,
            services.GetRequiredService<ChardevTable>(),
            services.GetRequiredService<IPluginCatalog>(),
            services.GetRequiredService<TimeProvider>());
    }
}
