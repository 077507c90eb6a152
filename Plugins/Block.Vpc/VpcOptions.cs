// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Vpc;

/// <summary>QAPI BlockdevOptionsGenericFormat, and a backing file for differencing images.</summary>
public sealed record VpcOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>In place of the parent that a differencing image names.</summary>
    public BlockdevRefOrNull? Backing { get; init; }

    /// <summary>As the command line has it: which of the two sizes counts, "chs" or "current_size".</summary>
    [QapiLegacy]
    [JsonPropertyName("force_size_calc")]
    public string? ForceSizeCalc { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<BlockdevVpcSubformat>))]
public enum BlockdevVpcSubformat
{
    [JsonStringEnumMemberName("dynamic")]
    Dynamic = 0,

    [JsonStringEnumMemberName("fixed")]
    Fixed = 1,
}

/// <summary>QAPI BlockdevCreateOptionsVpc.</summary>
public sealed record VpcCreateOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>Bytes; rounded up to a size that a geometry has, unless <see cref="ForceSize"/> is set.</summary>
    public required long Size { get; init; }

    public BlockdevVpcSubformat Subformat { get; init; }

    public bool ForceSize { get; init; }

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
[JsonSerializable(typeof(VpcOptions))]
[JsonSerializable(typeof(VpcCreateOptions))]
internal sealed partial class VpcJson : JsonSerializerContext;
