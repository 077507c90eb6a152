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
[JsonSerializable(typeof(ShutdownData))]
[JsonSerializable(typeof(MonitorOptions))]
internal sealed partial class MonitorJson : JsonSerializerContext;
