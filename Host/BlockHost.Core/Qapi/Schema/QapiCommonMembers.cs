// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>What all branches of BlockdevOptions have; the tag comes first.</summary>
internal sealed record BlockdevCommonMembers
{
    public required string Driver { get; init; }

    public string? NodeName { get; init; }

    public BlockdevDiscard? Discard { get; init; }

    public BlockdevCache? Cache { get; init; }

    public bool? ReadOnly { get; init; }

    /// <summary>False: the image may be another process's, and is not written. QEMU 10.0's.</summary>
    public bool? Active { get; init; }

    public bool? AutoReadOnly { get; init; }

    public bool? ForceShare { get; init; }

    public BlockdevDetectZeroes? DetectZeroes { get; init; }

    /// <summary>Seconds after which a request without an answer has the node's peers given up, as yank does.</summary>
    [JsonPropertyName("x-blockhost-deadline")]
    public uint? Deadline { get; init; }

    /// <summary>Names the node's device, as up to QEMU 2.8.</summary>
    [QapiLegacy]
    public string? Id { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<BlockdevDiscard>))]
internal enum BlockdevDiscard
{
    [JsonStringEnumMemberName("ignore")]
    Ignore = 0,

    [JsonStringEnumMemberName("unmap")]
    Unmap = 1,
}

[JsonConverter(typeof(JsonStringEnumConverter<BlockdevDetectZeroes>))]
internal enum BlockdevDetectZeroes
{
    [JsonStringEnumMemberName("off")]
    Off = DetectZeroes.Off,

    [JsonStringEnumMemberName("on")]
    On = DetectZeroes.On,

    [JsonStringEnumMemberName("unmap")]
    Unmap = DetectZeroes.Unmap,
}

internal sealed record BlockdevCache
{
    public bool? Direct { get; init; }

    public bool? NoFlush { get; init; }

    /// <summary>Belongs to the device, as up to QEMU 2.8.</summary>
    [QapiLegacy]
    public bool? Writeback { get; init; }
}

/// <summary>What all branches of BlockExportOptions have.</summary>
internal sealed record BlockExportCommonMembers
{
    public required string Type { get; init; }

    public required string Id { get; init; }

    public bool? FixedIothread { get; init; }

    public string? Iothread { get; init; }

    public required string NodeName { get; init; }

    public bool? Writable { get; init; }

    public bool? Writethrough { get; init; }

    /// <summary>The node may be inactive, or become so. QEMU 10.0's.</summary>
    public bool? AllowInactive { get; init; }
}

/// <summary>What all branches of ObjectOptions have.</summary>
internal sealed record ObjectCommonMembers
{
    public required string QomType { get; init; }

    public required string Id { get; init; }
}

internal sealed record DriverTag
{
    public required string Driver { get; init; }
}

internal sealed record TypeTag
{
    public required string Type { get; init; }
}

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth, PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(BlockdevCommonMembers))]
[JsonSerializable(typeof(BlockExportCommonMembers))]
[JsonSerializable(typeof(ObjectCommonMembers))]
[JsonSerializable(typeof(DriverTag))]
[JsonSerializable(typeof(TypeTag))]
internal sealed partial class QapiCommonJson : JsonSerializerContext;
