// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Chardevs;
using BlockHost.Devices;
using BlockHost.Exports;
using BlockHost.Jobs;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Plugins;

/// <summary>
/// All of the host's services: those of a driver (<see cref="IDriverHost"/>, the contract's first ring), and the graph, jobs,
/// exports and the management protocol (the second).
/// </summary>
public interface IPluginHost : IDriverHost
{
    IBlockGraph Graph { get; }

    IImages Images { get; }

    IBlockExports Exports { get; }

    IJobs Jobs { get; }

    ITransactions Transactions { get; }

    IYankRegistry Yank { get; }

    IQmpEvents Events { get; }

    /// <exception cref="NotSupportedException">This host has none.</exception>
    IChardevs Chardevs => throw new NotSupportedException("This host has no character devices");

    /// <exception cref="NotSupportedException">This host has none.</exception>
    IMachine Machine => throw new NotSupportedException("This host has no machine");

    /// <summary>
    /// Completes when all is open that the host was started with. What listens takes clients from then on: one that comes
    /// earlier waits, and is not told that something does not exist which is just being opened.
    /// </summary>
    Task Started => Task.CompletedTask;
}
