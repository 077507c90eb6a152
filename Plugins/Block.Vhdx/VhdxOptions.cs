// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Vhdx;

/// <summary>QAPI BlockdevOptionsGenericFormat, and a backing file for differencing images.</summary>
public sealed record VhdxOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>In place of the parent that a differencing image names.</summary>
    public BlockdevRefOrNull? Backing { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<BlockdevVhdxSubformat>))]
public enum BlockdevVhdxSubformat
{
    [JsonStringEnumMemberName("dynamic")]
    Dynamic = 0,

    [JsonStringEnumMemberName("fixed")]
    Fixed = 1,
}

/// <summary>QAPI BlockdevCreateOptionsVhdx.</summary>
public sealed record VhdxCreateOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>Bytes; rounded up to whole sectors.</summary>
    public required long Size { get; init; }

    /// <summary>Bytes; rounded up to whole MiB.</summary>
    public long? LogSize { get; init; }

    /// <summary>Bytes; 0: by the image's size.</summary>
    public long? BlockSize { get; init; }

    public BlockdevVhdxSubformat? Subformat { get; init; }

    /// <summary>Blocks without data are marked as zeroes, rather than as not present.</summary>
    public bool? BlockStateZero { get; init; }

    /// <summary>The parent that a differencing image is made over.</summary>
    public string? BackingFile { get; init; }

    [QapiExtensible(QapiExtension.BlockdevDriver)]
    public string? BackingFmt { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(VhdxOptions))]
[JsonSerializable(typeof(VhdxCreateOptions))]
internal sealed partial class VhdxJson : JsonSerializerContext;
