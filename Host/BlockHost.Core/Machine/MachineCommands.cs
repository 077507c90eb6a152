// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Core.Qmp;
using BlockHost.Devices;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Machine;

/// <summary>stop, cont, system_reset and query-status.</summary>
internal static class MachineCommands
{
    public static void Register(IPluginRegistry registry, MachineState machine)
    {
        registry.Add(QmpCommand.CreateQuery(
            "query-status",
            () => MachineJson.Default.StatusInfo,
            (_, _) => new ValueTask<StatusInfo>(
                new StatusInfo { IsRunning = machine.IsRunning, Singlestep = false, Status = machine.State }),
            QmpCommandFlags.AllowPreconfig));
        registry.Add(QmpCommand.CreateAction("stop", (_, cancellationToken) => machine.StopAsync(cancellationToken)));
        registry.Add(QmpCommand.CreateAction("cont", (_, cancellationToken) => machine.ContinueAsync(cancellationToken)));
        registry.Add(QmpCommand.CreateAction("system_reset", (_, cancellationToken) => machine.ResetAsync(cancellationToken)));
        registry.Add(machine.Stopped);
        registry.Add(machine.Resumed);
        registry.Add(machine.WasReset);
    }
}

/// <summary>Return value of query-status. The name "singlestep" is 7.2's.</summary>
internal sealed record StatusInfo
{
    [JsonPropertyName("running")]
    public required bool IsRunning { get; init; }

    public required bool Singlestep { get; init; }

    public required RunState Status { get; init; }
}

/// <summary>Data of RESET.</summary>
internal sealed record ResetData
{
    public required bool Guest { get; init; }

    public required ShutdownCause Reason { get; init; }
}

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth, PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(StatusInfo))]
[JsonSerializable(typeof(ResetData))]
internal sealed partial class MachineJson : JsonSerializerContext;
