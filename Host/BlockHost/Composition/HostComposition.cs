// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Checked;
using BlockHost.Core.Block;
using BlockHost.Core.Composition;
using BlockHost.Core.Images;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Core.Qmp;
using BlockHost.HumanMonitor;
using BlockHost.Images;
using BlockHost.Logging;
using BlockHost.Plugins;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace BlockHost.Composition;

/// <summary>The composition root: which services a host is made of.</summary>
internal static class HostComposition
{
    /// <param name="startInline">As <see cref="PluginManagerOptions.StartInline"/>.</param>
    /// <param name="log">Costs nothing where it is off.</param>
    /// <param name="decorate">Puts more services around the host's.</param>
    /// <param name="memory">What clients may make the host hold; null: the default.</param>
    public static RunningHost Build(
        IPluginLoader loader,
        PluginSelection selection,
        bool startInline,
        LogOptions log,
        Action<IServiceCollection>? decorate,
        MemoryBudget? memory = null)
    {
        var services = new ServiceCollection();
        if (HostOptions.UsesCheckedBuffers)
            services.AddSingleton<IIoBufferPool, CheckedBufferPool>(_ => new CheckedBufferPool());
        services.AddSingleton(memory ?? new MemoryBudget());
        if (!log.IsOff)
            services.AddSingleton<ILoggerFactory>(provider => LogTarget.Open(log, provider));
        services.AddBlockHostCore();
        services.AddBlockHostMonitors();
        services.AddSingleton(provider => new PluginManager(new PluginManagerOptions
        {
            Host = provider.GetRequiredService<IPluginHost>,
            Loader = loader,
            Selection = selection,
            StartInline = startInline,
            Loggers = provider.GetRequiredService<ILoggerFactory>(),
        }));
        services.AddSingleton<PluginCommands>();
        services.AddSingleton<CommandLineChardevs>();
        services.AddSingleton(provider => new ImageOpener(
            provider.GetRequiredService<IBlockGraph>(),
            provider.GetRequiredService<QapiInput>(),
            provider.GetRequiredService<IDriverSource>(),
            provider.GetRequiredService<ImageMaker>(),
            provider.GetRequiredService<IImages>()));
        decorate?.Invoke(services);

        return new RunningHost(services.BuildServiceProvider());
    }

    /// <summary>Declares the host's own commands and events. Tools that need none do without, and start faster.</summary>
    public static void RegisterHost(IServiceProvider provider)
    {
        var commands = provider.GetRequiredService<PluginCommands>();
        provider.GetRequiredService<PluginManager>().AddHost(registry =>
        {
            CoreServices.RegisterHost(provider, registry);
            MonitorComposition.RegisterHost(provider, registry);
            commands.Register(registry);
            new HumanMonitorCommand(
                provider.GetRequiredService<IQmpDispatcher>,
                new HumanCommands(
                    [.. new InfoCommands(provider.GetRequiredService<ImageOpener>).All, .. MigrationCommands.Queries],
                    MigrationCommands.All,
                    new NodeCommands(provider.GetRequiredService<ImageOpener>).All,
                    new ObjectCommands(
                        provider.GetRequiredService<CommandLineChardevs>,
                        provider.GetRequiredService<QapiInput>,
                        provider.GetRequiredService<QapiHelp>).All)).Register(registry);
            if (provider.GetRequiredService<ILoggerFactory>() is HostLoggers loggers)
                new TraceCommands(loggers, provider.GetRequiredService<PluginManager>()).Register(registry);
        });
        commands.EmitTo(provider.GetRequiredService<Qmp.IQmpEvents>());
    }
}
