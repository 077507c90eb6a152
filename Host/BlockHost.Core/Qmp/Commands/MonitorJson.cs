// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Core.Qapi;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp.Commands;

[JsonConverter(typeof(JsonStringEnumConverter<QmpCapability>))]
internal enum QmpCapability
{
    [JsonStringEnumMemberName("oob")]
    OutOfBand = 0,
}

/// <summary>Arguments of qmp_capabilities.</summary>
internal sealed record NegotiationArguments
{
    public IReadOnlyList<QmpCapability>? Enable { get; init; }
}

internal sealed record CommandInfo(string Name);

/// <summary>Return value of query-status. The name "singlestep" is 7.2's.</summary>
internal sealed record StatusInfo
{
    public static StatusInfo Running { get; } = new() { IsRunning = true, Singlestep = false, Status = RunState.Running };

    [JsonPropertyName("running")]
    public required bool IsRunning { get; init; }

    public required bool Singlestep { get; init; }

    public required RunState Status { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<RunState>))]
internal enum RunState
{
    [JsonStringEnumMemberName("running")]
    Running = 0,
}

/// <summary>A <c>--monitor</c> argument.</summary>
internal sealed record MonitorOptions
{
    public string? Id { get; init; }

    public MonitorMode? Mode { get; init; }

    public bool? Pretty { get; init; }

    public required string Chardev { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<MonitorMode>))]
internal enum MonitorMode
{
    [JsonStringEnumMemberName("readline")]
    Readline = 0,

    [JsonStringEnumMemberName("control")]
    Control = 1,
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(NegotiationArguments))]
[JsonSerializable(typeof(VersionInfo))]
[JsonSerializable(typeof(IReadOnlyList<CommandInfo>))]
[JsonSerializable(typeof(IReadOnlyList<SchemaInfo>))]
[JsonSerializable(typeof(StatusInfo))]
[JsonSerializable(typeof(ShutdownData))]
[JsonSerializable(typeof(MonitorOptions))]
internal sealed partial class MonitorJson : JsonSerializerContext;
