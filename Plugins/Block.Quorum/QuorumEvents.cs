// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Quorum;

/// <summary>At most one a second of each, as a bad disk fails every request; of bad children, one a second for each.</summary>
internal static class QuorumEvents
{
    public static QmpEvent<QuorumFailureEvent> Failure { get; } = new(
        "QUORUM_FAILURE", () => QuorumJson.Default.QuorumFailureEvent)
    {
        MinimumInterval = TimeSpan.FromSeconds(1),
    };

    public static QmpEvent<QuorumReportBadEvent> ReportBad { get; } = new(
        "QUORUM_REPORT_BAD", () => QuorumJson.Default.QuorumReportBadEvent)
    {
        MinimumInterval = TimeSpan.FromSeconds(1),
        IntervalKey = "node-name",
    };
}

[JsonConverter(typeof(JsonStringEnumConverter<QuorumOpType>))]
public enum QuorumOpType
{
    [JsonStringEnumMemberName("read")]
    Read = 0,

    [JsonStringEnumMemberName("write")]
    Write = 1,

    [JsonStringEnumMemberName("flush")]
    Flush = 2,
}

/// <summary>Too few children agreed, or worked.</summary>
public sealed record QuorumFailureEvent
{
    /// <summary>The quorum's node.</summary>
    public required string Reference { get; init; }

    public required long SectorNum { get; init; }

    public required long SectorsCount { get; init; }
}

/// <summary>A child failed, or was outvoted.</summary>
public sealed record QuorumReportBadEvent
{
    public required QuorumOpType Type { get; init; }

    /// <summary>Absent: the child's data were others than the winner's.</summary>
    public string? Error { get; init; }

    public required string NodeName { get; init; }

    public required long SectorNum { get; init; }

    public required long SectorsCount { get; init; }
}
