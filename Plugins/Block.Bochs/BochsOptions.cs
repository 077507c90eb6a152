// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Bochs;

/// <summary>QAPI BlockdevOptionsGenericFormat, and the disk that a redolog was made over.</summary>
public sealed record BochsOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>No image names its own; one of the kind "Growing" has none.</summary>
    public BlockdevRefOrNull? Backing { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BochsOptions))]
internal sealed partial class BochsJson : JsonSerializerContext;
