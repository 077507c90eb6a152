// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Archipelago;

/// <summary>Options of the driver "archipelago" (QAPI BlockdevOptionsArchipelago of QEMU 2.2 to 2.8).</summary>
public sealed record ArchipelagoOptions
{
    /// <summary>Name of the volume.</summary>
    public required string Volume { get; init; }

    /// <summary>Port of the mapper (mapperd); default: 1001.</summary>
    public long? Mport { get; init; }

    /// <summary>Port of the volume composer (vlmcd); default: 501.</summary>
    public long? Vport { get; init; }

    /// <summary>Name of the shared memory segment; default: "archipelago".</summary>
    public string? Segment { get; init; }

    /// <summary>Seconds after which a request that has no answer fails; default: 30.</summary>
    [JsonPropertyName("x-blockhost-timeout")]
    [QapiFeature("unstable")]
    public uint? Timeout { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ArchipelagoOptions))]
internal sealed partial class ArchipelagoJson : JsonSerializerContext;
