// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Core.Qmp.Commands;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp;

/// <summary>Why the host ends, or the machine is reset.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ShutdownCause>))]
public enum ShutdownCause
{
    [JsonStringEnumMemberName("host-qmp-quit")]
    HostQmpQuit = 0,

    [JsonStringEnumMemberName("host-signal")]
    HostSignal = 1,

    [JsonStringEnumMemberName("host-error")]
    HostError = 2,

    /// <summary>Of RESET, not of SHUTDOWN.</summary>
    [JsonStringEnumMemberName("host-qmp-system-reset")]
    HostQmpSystemReset = 3,
}

/// <summary>Data of SHUTDOWN.</summary>
internal sealed record ShutdownData
{
    public required bool Guest { get; init; }

    public required ShutdownCause Reason { get; init; }
}

/// <summary>The end of the host: asked for once, by QMP or a signal, and told to all monitors.</summary>
public sealed class HostLifetime(MonitorEvents events)
{
    private readonly TaskCompletionSource<ShutdownCause> _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when somebody asks for the end; the program then ends in order.</summary>
    public Task<ShutdownCause> StopRequested => _stop.Task;

    internal QmpEvent<ShutdownData> Shutdown { get; } = new("SHUTDOWN", () => MonitorJson.Default.ShutdownData);

    /// <summary>Emits SHUTDOWN at the first call; later calls change nothing.</summary>
    public void RequestStop(ShutdownCause cause)
    {
        if (_stop.TrySetResult(cause))
            events.Emit(Shutdown, new ShutdownData { Guest = false, Reason = cause });
    }
}
