// SPDX-License-Identifier: MIT
using BlockHost.Core.Descriptors;
using BlockHost.Core.Json;
using BlockHost.Core.Memory;
using BlockHost.Plugins;

namespace BlockHost.Core.Qmp.Sessions;

/// <summary>Bounds of one monitor session.</summary>
public sealed record MonitorLimits
{
    /// <summary>Longest request.</summary>
    public int MessageBytes { get; init; } = 64 << 20;

    /// <summary>Unfinished and queued input of all sessions together, beyond 64 KiB each.</summary>
    public long InputBytesOfAll { get; init; } = 256L << 20;

    /// <summary>
    /// Output that waits for the client. Beyond it the client's own commands wait, and an event ends the session:
    /// a client must not miss one unknowingly.
    /// </summary>
    public int OutputBytes { get; init; } = 1 << 20;

    /// <summary>How long the last answers may take to leave when a session ends.</summary>
    public TimeSpan FlushTime { get; init; } = TimeSpan.FromSeconds(2);
}

/// <summary>What all sessions share.</summary>
internal sealed record MonitorServices(
    IQmpDispatcher Dispatcher, IPluginHost Host, MonitorEvents Events, MonitorLimits Limits, TimeProvider Clock)
{
    /// <summary>Null: of a host that takes none.</summary>
    public PassedDescriptors? Descriptors => Host.Descriptors as PassedDescriptors;

    public InputBudget InputBudget { get; } = new(Limits.InputBytesOfAll);

    /// <summary>What large messages leave behind.</summary>
    public IdleCollection Garbage { get; } = new(Clock);

    /// <summary>Interrupts commands when the host ends.</summary>
    public CancellationToken Stopping { get; init; }
}
