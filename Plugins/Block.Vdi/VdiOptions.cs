// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Vdi;

/// <summary>QAPI BlockdevOptionsGenericFormat, and a backing file for images that need one.</summary>
public sealed record VdiOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>The parent of a differencing image, which names it by UUID only.</summary>
    public BlockdevRefOrNull? Backing { get; init; }
}

/// <summary>QAPI BlockdevCreateOptionsVdi.</summary>
public sealed record VdiCreateOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>Bytes; rounded up to whole sectors.</summary>
    public required long Size { get; init; }

    /// <summary><see cref="PreallocationMode.Metadata"/> makes a static image.</summary>
    public PreallocationMode Preallocation { get; init; }

    /// <summary>The parent that a differencing image is made over, and which it names by UUID only.</summary>
    public string? BackingFile { get; init; }

    [QapiExtensible(QapiExtension.BlockdevDriver)]
    public string? BackingFmt { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(VdiOptions))]
[JsonSerializable(typeof(VdiCreateOptions))]
internal sealed partial class VdiJson : JsonSerializerContext;
