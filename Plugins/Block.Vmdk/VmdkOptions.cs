// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Vmdk;

/// <summary>QAPI BlockdevOptionsGenericCOWFormat.</summary>
public sealed record VmdkOptions
{
    public required BlockdevRef File { get; init; }

    public BlockdevRefOrNull? Backing { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<BlockdevVmdkSubformat>))]
public enum BlockdevVmdkSubformat
{
    [JsonStringEnumMemberName("monolithicSparse")]
    MonolithicSparse = 0,

    [JsonStringEnumMemberName("monolithicFlat")]
    MonolithicFlat = 1,

    [JsonStringEnumMemberName("twoGbMaxExtentSparse")]
    TwoGbMaxExtentSparse = 2,

    [JsonStringEnumMemberName("twoGbMaxExtentFlat")]
    TwoGbMaxExtentFlat = 3,

    [JsonStringEnumMemberName("streamOptimized")]
    StreamOptimized = 4,
}

[JsonConverter(typeof(JsonStringEnumConverter<BlockdevVmdkAdapterType>))]
public enum BlockdevVmdkAdapterType
{
    [JsonStringEnumMemberName("ide")]
    Ide = 0,

    [JsonStringEnumMemberName("buslogic")]
    Buslogic = 1,

    [JsonStringEnumMemberName("lsilogic")]
    Lsilogic = 2,

    [JsonStringEnumMemberName("legacyESX")]
    LegacyEsx = 3,
}

/// <summary>QAPI BlockdevCreateOptionsVmdk.</summary>
public sealed record VmdkCreateOptions
{
    /// <summary>The image where it is one file, else the file of its description.</summary>
    public required BlockdevRef File { get; init; }

    /// <summary>Bytes.</summary>
    public required long Size { get; init; }

    /// <summary>The files that hold the data, in their order, where they are others than the image's.</summary>
    public IReadOnlyList<BlockdevRef>? Extents { get; init; }

    public BlockdevVmdkSubformat Subformat { get; init; }

    public string? BackingFile { get; init; }

    public BlockdevVmdkAdapterType AdapterType { get; init; }

    public string? Hwversion { get; init; }

    public string? Toolsversion { get; init; }

    public bool ZeroedGrain { get; init; }

    /// <summary>As the command line has it: hardware version 6.</summary>
    [QapiLegacy]
    public bool Compat6 { get; init; }

    /// <summary>As the command line has it: there is one format that it can be.</summary>
    [QapiLegacy]
    public string? BackingFmt { get; init; }
}

/// <summary>QAPI ImageInfoSpecificVmdk.</summary>
public sealed record ImageInfoSpecificVmdk
{
    public required string CreateType { get; init; }

    public required long Cid { get; init; }

    public required long ParentCid { get; init; }

    public required IReadOnlyList<VmdkExtentInfo> Extents { get; init; }
}

/// <summary>QAPI VmdkExtentInfo.</summary>
public sealed record VmdkExtentInfo
{
    public required string Filename { get; init; }

    /// <summary>As the description names the extent's type; empty where the image is one file.</summary>
    public required string Format { get; init; }

    public required long VirtualSize { get; init; }

    public long? ClusterSize { get; init; }

    public bool? Compressed { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(VmdkOptions))]
[JsonSerializable(typeof(VmdkCreateOptions))]
[JsonSerializable(typeof(ImageInfoSpecificVmdk))]
internal sealed partial class VmdkJson : JsonSerializerContext;
