// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Parallels;

/// <summary>QAPI BlockdevOptionsGenericFormat, and what only command lines have.</summary>
public sealed record ParallelsOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>Shows where the image has holes. No image records one.</summary>
    public BlockdevRefOrNull? Backing { get; init; }

    /// <summary>Bytes by which the file grows when clusters are added.</summary>
    [QapiLegacy]
    public long? PreallocSize { get; init; }

    /// <summary>How: "falloc" takes the space, "truncate" makes the file longer.</summary>
    [QapiLegacy]
    public string? PreallocMode { get; init; }
}

/// <summary>QAPI BlockdevCreateOptionsParallels.</summary>
public sealed record ParallelsCreateOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>Bytes; rounded up to whole sectors.</summary>
    public required long Size { get; init; }

    public long? ClusterSize { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ParallelsOptions))]
[JsonSerializable(typeof(ParallelsCreateOptions))]
internal sealed partial class ParallelsJson : JsonSerializerContext;
