// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Core.Plugins;

/// <summary>What a plugin manager works with.</summary>
public sealed record PluginManagerOptions
{
    /// <summary>
    /// The host as plugins see it. Asked for when the first plugin starts, so that host services may use the manager.
    /// </summary>
    public required Func<IPluginHost> Host { get; init; }

    /// <summary>Null: no plugin comes from a file.</summary>
    public IPluginLoader? Loader { get; init; }

    /// <summary>
    /// Plugins start on the thread that first asks for them: a program that runs for a moment need not start another.
    /// For code that is known to start at once.
    /// </summary>
    public bool StartInline { get; init; }

    public PluginSelection Selection { get; init; } = PluginSelection.Everything;

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;
}
