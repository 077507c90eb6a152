// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.CopyOnRead;

/// <summary>QAPI BlockdevOptionsCor.</summary>
public sealed record CopyOnReadOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>The lowest node of the chain whose data is copied; absent: whatever the image does not have itself.</summary>
    public string? Bottom { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(CopyOnReadOptions))]
internal sealed partial class CopyOnReadJson : JsonSerializerContext;
