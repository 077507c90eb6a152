// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Objects;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Plugins;

/// <summary>What a block driver needs of the host beside its node's children.</summary>
public interface IDriverHost
{
    IUserObjects Objects { get; }

    IIoBufferPool Buffers { get; }

    /// <summary>What all clients together may make the process hold.</summary>
    MemoryBudget Memory { get; }

    TimeProvider Clock { get; }

    /// <summary>Descriptors that this process was handed.</summary>
    IPassedDescriptors Descriptors => NoPassedDescriptors.Instance;

    /// <summary>
    /// Where a plugin says what an operator has to know. In <see cref="Plugin.StartAsync"/> and on a node's context the loggers
    /// carry the plugin's id: <c>CreateLogger("")</c> is the plugin's own, any other name a part of it.
    /// </summary>
    ILoggerFactory Loggers => NullLoggerFactory.Instance;
}
