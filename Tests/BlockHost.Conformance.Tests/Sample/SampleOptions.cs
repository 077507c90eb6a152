// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Block;

namespace BlockHost.Conformance.Tests.Sample;

public record SampleOptions
{
    [JsonPropertyName("file")]
    public required BlockdevRef File { get; init; }
}

public sealed record GreedyOptions : SampleOptions
{
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; init; }
}

[JsonSerializable(typeof(SampleOptions))]
[JsonSerializable(typeof(GreedyOptions))]
internal sealed partial class SampleJson : JsonSerializerContext;
