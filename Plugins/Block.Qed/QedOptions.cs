// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Qed;

/// <summary>QAPI BlockdevOptionsGenericCOWFormat.</summary>
public sealed record QedOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>In place of the backing file that the image names.</summary>
    public BlockdevRefOrNull? Backing { get; init; }
}

/// <summary>QAPI BlockdevCreateOptionsQed.</summary>
public sealed record QedCreateOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>Bytes; rounded up to whole sectors.</summary>
    public required long Size { get; init; }

    public string? BackingFile { get; init; }

    [QapiExtensible(QapiExtension.BlockdevDriver)]
    public string? BackingFmt { get; init; }

    public long? ClusterSize { get; init; }

    /// <summary>Clusters.</summary>
    public long? TableSize { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(QedOptions))]
[JsonSerializable(typeof(QedCreateOptions))]
internal sealed partial class QedJson : JsonSerializerContext;
