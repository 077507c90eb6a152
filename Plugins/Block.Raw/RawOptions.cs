// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Raw;

/// <summary>QAPI BlockdevOptionsRaw.</summary>
public sealed record RawOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>First byte of the storage that belongs to the image.</summary>
    public long? Offset { get; init; }

    /// <summary>Length in bytes, a multiple of 512; absent: to the end of the storage.</summary>
    public long? Size { get; init; }
}

public sealed record RawCreateOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>Bytes; rounded up to 512.</summary>
    public required long Size { get; init; }

    public PreallocationMode Preallocation { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(RawOptions))]
[JsonSerializable(typeof(RawCreateOptions))]
internal sealed partial class RawJson : JsonSerializerContext;
