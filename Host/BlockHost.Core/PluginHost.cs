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

namespace BlockHost.Core;

/// <summary>The host's services in one place, for plugins.</summary>
public sealed class PluginHost(
    IBlockGraph graph,
    IImages images,
    IBlockExports exports,
    IJobs jobs,
    ITransactions transactions,
    IYankRegistry yank,
    IQmpEvents events,
    IUserObjects objects,
    IIoBufferPool buffers,
    MemoryBudget memory,
    TimeProvider clock,
    IChardevs chardevs,
    HostStartup startup,
    IPassedDescriptors descriptors,
    IMachine machine,
    ILoggerFactory loggers) : IPluginHost
{
    public IBlockGraph Graph => graph;

    public IImages Images => images;

    public IBlockExports Exports => exports;

    public IJobs Jobs => jobs;

    public ITransactions Transactions => transactions;

    public IYankRegistry Yank => yank;

    public IQmpEvents Events => events;

    public IChardevs Chardevs => chardevs;

    public IUserObjects Objects => objects;

    public IIoBufferPool Buffers => buffers;

    public MemoryBudget Memory => memory;

    public TimeProvider Clock => clock;

    public IPassedDescriptors Descriptors => descriptors;

    public IMachine Machine => machine;

    public Task Started => startup.Completed;

    public ILoggerFactory Loggers => loggers;
}
