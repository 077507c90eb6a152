// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;

namespace BlockHost.Loading;

/// <summary>A manifest as its JSON has it, before anything is checked but its form.</summary>
internal sealed record ManifestDocument
{
    [JsonPropertyName("$schema")]
    public string? Schema { get; init; }

    public string? Id { get; init; }

    public string? Name { get; init; }

    public string? Version { get; init; }

    public string? Description { get; init; }

    public string? Assembly { get; init; }

    public string? Sha256 { get; init; }

    public ContractDocument? Contract { get; init; }

    public ProvidesDocument? Provides { get; init; }

    public IReadOnlyList<ProbeDocument>? Probes { get; init; }

    public IReadOnlyDictionary<string, string>? FileNamePrefixes { get; init; }
}

internal sealed record ContractDocument
{
    public string? Min { get; init; }

    public string? Max { get; init; }
}

internal sealed record ProvidesDocument
{
    public IReadOnlyList<string>? Drivers { get; init; }

    public IReadOnlyList<string>? Jobs { get; init; }

    public IReadOnlyList<string>? Yank { get; init; }

    public IReadOnlyList<string>? Devices { get; init; }

    public IReadOnlyList<string>? Exports { get; init; }

    public IReadOnlyList<string>? Commands { get; init; }

    public IReadOnlyList<string>? Events { get; init; }

    public IReadOnlyList<string>? Types { get; init; }
}

internal sealed record ProbeDocument
{
    public string? Driver { get; init; }

    public int Offset { get; init; }

    /// <summary>Hexadecimal.</summary>
    public string? Magic { get; init; }
}

internal sealed record CompositionDocument
{
    [JsonPropertyName("$schema")]
    public string? Schema { get; init; }

    public string? Name { get; init; }

    public string? Description { get; init; }

    public IReadOnlyList<string>? Plugins { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Disallow,
    MaxDepth = 8)]
[JsonSerializable(typeof(ManifestDocument))]
[JsonSerializable(typeof(CompositionDocument))]
internal sealed partial class LoadingJson : JsonSerializerContext;
