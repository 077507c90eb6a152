// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Exports;
using BlockHost.Jobs;
using BlockHost.Objects;
using BlockHost.Qmp;
using BlockHost.Yank;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Plugins;

/// <summary>The host's services, as a plugin sees them.</summary>
public interface IPluginHost
{
    IBlockGraph Graph { get; }

    IImageFiles Images { get; }

    IBlockExports Exports { get; }

    IJobs Jobs { get; }

    ITransactions Transactions { get; }

    IYankRegistry Yank { get; }

    IQmpEvents Events { get; }

    IUserObjects Objects { get; }

    IIoBufferPool Buffers { get; }

    /// <summary>What all clients together may make the process hold.</summary>
    MemoryBudget Memory { get; }

    TimeProvider Clock { get; }

    /// <summary>
    /// Completes when all is open that the host was started with. What listens takes clients from then on: one that comes
    /// earlier waits, and is not told that something does not exist which is just being opened.
    /// </summary>
    Task Started => Task.CompletedTask;

    /// <summary>
    /// Where a plugin says what an operator has to know. In <see cref="Plugin.StartAsync"/> and on a node's context the loggers carry
    /// the plugin's id: <c>CreateLogger("")</c> is the plugin's own, any other name a part of it.
    /// </summary>
    ILoggerFactory Loggers => NullLoggerFactory.Instance;
}
