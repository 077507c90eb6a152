// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace Example.Ram;

/// <summary>What blockdev-add takes beside the members that every driver has.</summary>
public sealed record RamOptions
{
    /// <summary>Bytes.</summary>
    public required long Size { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(RamOptions))]
internal sealed partial class RamJson : JsonSerializerContext;
