// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.Blkverify;

/// <summary>QAPI BlockdevOptionsBlkverify.</summary>
public sealed record BlkverifyOptions
{
    /// <summary>The image that is tested.</summary>
    public required BlockdevRef Test { get; init; }

    /// <summary>The copy of it that is believed.</summary>
    public required BlockdevRef Raw { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlkverifyOptions))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(string))]
internal sealed partial class BlkverifyJson : JsonSerializerContext;
