// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Chardevs;
using BlockHost.Core.Block;
using BlockHost.Core.Chardevs;
using BlockHost.Core.Descriptors;
using BlockHost.Core.Exports;
using BlockHost.Core.Images;
using BlockHost.Core.Jobs;
using BlockHost.Core.Logging;
using BlockHost.Core.Machine;
using BlockHost.Core.Objects;
using BlockHost.Core.Plugins;
using BlockHost.Core.Yank;
using BlockHost.Devices;
using BlockHost.Exports;
using BlockHost.Jobs;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Qmp;
using BlockHost.Yank;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Core.Composition;

/// <summary>The host's own services.</summary>
public static class CoreServices
{
    /// <summary>
    /// Adds the graph, exports, jobs, yank, objects and buffers. The root adds the <see cref="PluginManager"/> and the
    /// <see cref="IQmpEvents"/> that they use, and calls <see cref="RegisterHost"/> when all is built.
    /// </summary>
    public static IServiceCollection AddBlockHostCore(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(new MemoryBudget());
        services.TryAddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        services.TryAddSingleton(provider => new PluginFaults(
            () => provider.GetRequiredService<PluginManager>().RunningCode(), provider.GetRequiredService<ILoggerFactory>()));
        services.TryAddSingleton<IIoBufferPool, IoBufferPool>();
        services.TryAddSingleton(
            provider => new UserObjects(provider.GetRequiredService<PluginManager>(), provider.GetRequiredService<IPluginHost>));
        services.TryAddSingleton<IUserObjects>(provider => provider.GetRequiredService<UserObjects>());
        services.TryAddSingleton<YankRegistry>();
        services.TryAddSingleton<IYankRegistry>(provider => provider.GetRequiredService<YankRegistry>());
        services.TryAddSingleton<HostWarnings>();
        services.TryAddSingleton<CatalogSource>();
        services.TryAddSingleton<IDriverSource>(provider => provider.GetRequiredService<CatalogSource>());
        services.TryAddSingleton<IExportTypeSource>(provider => provider.GetRequiredService<CatalogSource>());
        // Graph and exports hand the host to plugins, and are part of it: they ask for it when it is needed.
        services.TryAddSingleton(provider => new BlockGraph(
            provider.GetRequiredService<IDriverSource>(),
            provider.GetRequiredService<IIoBufferPool>(),
            provider.GetRequiredService<IQmpEvents>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<IPluginHost>)
        {
            OpensInactive = () => provider.GetRequiredService<MachineState>().State == RunState.InMigrate,
            Warnings = provider.GetRequiredService<HostWarnings>(),
            Loggers = provider.GetRequiredService<ILoggerFactory>(),
            Faults = provider.GetRequiredService<PluginFaults>(),
        });
        services.TryAddSingleton<IBlockGraph>(provider => provider.GetRequiredService<BlockGraph>());
        services.TryAddSingleton<ImageMaker>();
        services.TryAddSingleton<IImages, HostImages>();
        services.TryAddSingleton(provider => new ExportManager(
            provider.GetRequiredService<IExportTypeSource>(),
            provider.GetRequiredService<IBlockGraph>(),
            provider.GetRequiredService<IUserObjects>(),
            provider.GetRequiredService<IQmpEvents>(),
            provider.GetRequiredService<IPluginHost>)
        {
            Faults = provider.GetRequiredService<PluginFaults>(),
        });
        services.TryAddSingleton<IBlockExports>(provider => provider.GetRequiredService<ExportManager>());
        services.TryAddSingleton<IJobTypeSource>(provider => provider.GetRequiredService<CatalogSource>());
        services.TryAddSingleton(provider => new JobRegistry(
            provider.GetRequiredService<IJobTypeSource>(),
            provider.GetRequiredService<IQmpEvents>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<IPluginHost>)
        {
            Loggers = provider.GetRequiredService<ILoggerFactory>(),
            Faults = provider.GetRequiredService<PluginFaults>(),
        });
        services.TryAddSingleton<IJobs>(provider => provider.GetRequiredService<JobRegistry>());
        services.TryAddSingleton<ITransactions>(provider => new TransactionRunner(
            provider.GetRequiredService<IJobTypeSource>(),
            provider.GetRequiredService<IPluginHost>));
        services.TryAddSingleton(provider => new ChardevTable(
            provider.GetRequiredService<IUserObjects>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<PluginManager>(),
            provider.GetRequiredService<IPluginHost>));
        services.TryAddSingleton<IChardevs>(provider => provider.GetRequiredService<ChardevTable>());
        services.TryAddSingleton<HostStartup>();
        services.TryAddSingleton<MachineState>();
        services.TryAddSingleton<IMachine>(provider => provider.GetRequiredService<MachineState>());
        services.TryAddSingleton(provider => new DescriptorSets(() => provider.GetRequiredService<MachineState>().IsRunning));
        services.TryAddSingleton<PassedDescriptors>();
        services.TryAddSingleton<IPassedDescriptors>(provider => provider.GetRequiredService<PassedDescriptors>());
        services.TryAddSingleton<IPluginHost, PluginHost>();
        return services;
    }

    /// <summary>Declares the commands and events of these services, for <see cref="PluginManager.AddHost"/>.</summary>
    public static void RegisterHost(IServiceProvider services, IPluginRegistry registry)
    {
        BlockEvents.Register(registry);
        ExportCommands.Register(registry);
        JobEvents.Register(registry);
        registry.Add(new BlockNodeYank());
        YankCommands.Register(registry, services.GetRequiredService<YankRegistry>());
        StuckCommand.Register(registry, services.GetRequiredService<BlockGraph>());
    }
}
