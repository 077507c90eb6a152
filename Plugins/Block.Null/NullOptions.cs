// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Null;

/// <summary>QAPI BlockdevOptionsNull.</summary>
public sealed record NullOptions
{
    internal const long DefaultSize = 1L << 30;

    /// <summary>Bytes, rounded up to whole sectors; default 1 GiB.</summary>
    public long? Size { get; init; }

    /// <summary>Nanoseconds that every request takes.</summary>
    public long LatencyNs { get; init; }

    /// <summary>Reads give zeroes; else they leave the target as it was.</summary>
    public bool ReadZeroes { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(NullOptions))]
internal sealed partial class NullJson : JsonSerializerContext;
