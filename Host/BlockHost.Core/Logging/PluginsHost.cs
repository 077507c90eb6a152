// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Chardevs;
using BlockHost.Devices;
using BlockHost.Exports;
using BlockHost.Jobs;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Qmp;
using BlockHost.Yank;
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Logging;

/// <summary>
/// The host as one plugin, or one node of its, sees it: what it logs carries its name, and its timers end with it.
/// </summary>
internal sealed class PluginsHost(IPluginHost host, PluginFaults faults, string pluginId) : IPluginHost, IDisposable
{
    public IBlockGraph Graph => host.Graph;

    public IImages Images => host.Images;

    public IBlockExports Exports => host.Exports;

    public IJobs Jobs => host.Jobs;

    public ITransactions Transactions => host.Transactions;

    public IYankRegistry Yank => host.Yank;

    public IQmpEvents Events => host.Events;

    public IUserObjects Objects => host.Objects;

    public IIoBufferPool Buffers => host.Buffers;

    public MemoryBudget Memory => host.Memory;

    public TimeProvider Clock => PluginsClock;

    public IChardevs Chardevs => host.Chardevs;

    public IPassedDescriptors Descriptors => host.Descriptors;

    public IMachine Machine => host.Machine;

    public Task Started => host.Started;

    public ILoggerFactory Loggers => new PluginLoggers(host.Loggers, pluginId);

    private PluginClock PluginsClock { get; } = new(host.Clock, faults, pluginId);

    public void Dispose() => PluginsClock.Dispose();
}

/// <summary>Loggers of one plugin: <c>block.qcow2</c>, and <c>block.qcow2/cache</c> for a part of it.</summary>
internal sealed class PluginLoggers(ILoggerFactory loggers, string pluginId) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) =>
        loggers.CreateLogger(categoryName.Length == 0 || categoryName == pluginId ? pluginId : $"{pluginId}/{categoryName}");

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("Where logs go is the host's to decide");

    public void Dispose()
    {
        // The loggers are the host's.
    }
}
