// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Quorum;

/// <summary>How a read finds out what the disk holds.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<QuorumReadPattern>))]
public enum QuorumReadPattern
{
    /// <summary>All children are read, and vote.</summary>
    [JsonStringEnumMemberName("quorum")]
    Quorum = 0,

    /// <summary>The first child that does not fail.</summary>
    [JsonStringEnumMemberName("fifo")]
    Fifo = 1,
}

/// <summary>QAPI BlockdevOptionsQuorum.</summary>
public sealed record QuorumOptions
{
    /// <summary>Two children must be equal; a difference fails the read.</summary>
    public bool? Blkverify { get; init; }

    public required IReadOnlyList<BlockdevRef> Children { get; init; }

    /// <summary>Votes that a version of the data needs to be taken for the disk's.</summary>
    public required long VoteThreshold { get; init; }

    /// <summary>Children that were outvoted get the winner's data.</summary>
    public bool? RewriteCorrupted { get; init; }

    public QuorumReadPattern? ReadPattern { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(QuorumOptions))]
[JsonSerializable(typeof(QuorumFailureEvent))]
[JsonSerializable(typeof(QuorumReportBadEvent))]
internal sealed partial class QuorumJson : JsonSerializerContext;
