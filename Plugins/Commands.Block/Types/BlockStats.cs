// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Types;

/// <summary>QAPI struct BlockDeviceStats. Bytes, counts, and times in nanoseconds.</summary>
internal sealed record BlockDeviceStats
{
    [JsonPropertyName("rd_bytes")]
    public required long ReadBytes { get; init; }

    [JsonPropertyName("wr_bytes")]
    public required long WriteBytes { get; init; }

    [JsonPropertyName("unmap_bytes")]
    public required long UnmapBytes { get; init; }

    [JsonPropertyName("rd_operations")]
    public required long ReadOperations { get; init; }

    [JsonPropertyName("wr_operations")]
    public required long WriteOperations { get; init; }

    [JsonPropertyName("flush_operations")]
    public required long FlushOperations { get; init; }

    [JsonPropertyName("unmap_operations")]
    public required long UnmapOperations { get; init; }

    [JsonPropertyName("rd_total_time_ns")]
    public required long ReadTime { get; init; }

    [JsonPropertyName("wr_total_time_ns")]
    public required long WriteTime { get; init; }

    [JsonPropertyName("flush_total_time_ns")]
    public required long FlushTime { get; init; }

    [JsonPropertyName("unmap_total_time_ns")]
    public required long UnmapTime { get; init; }

    [JsonPropertyName("wr_highest_offset")]
    public required long WriteHighWater { get; init; }

    [JsonPropertyName("rd_merged")]
    public required long ReadMerged { get; init; }

    [JsonPropertyName("wr_merged")]
    public required long WriteMerged { get; init; }

    [JsonPropertyName("unmap_merged")]
    public required long UnmapMerged { get; init; }

    [JsonPropertyName("idle_time_ns")]
    public long? IdleTime { get; init; }

    [JsonPropertyName("failed_rd_operations")]
    public required long FailedReads { get; init; }

    [JsonPropertyName("failed_wr_operations")]
    public required long FailedWrites { get; init; }

    [JsonPropertyName("failed_flush_operations")]
    public required long FailedFlushes { get; init; }

    [JsonPropertyName("failed_unmap_operations")]
    public required long FailedUnmaps { get; init; }

    [JsonPropertyName("invalid_rd_operations")]
    public required long InvalidReads { get; init; }

    [JsonPropertyName("invalid_wr_operations")]
    public required long InvalidWrites { get; init; }

    [JsonPropertyName("invalid_flush_operations")]
    public required long InvalidFlushes { get; init; }

    [JsonPropertyName("invalid_unmap_operations")]
    public required long InvalidUnmaps { get; init; }

    [JsonPropertyName("account_invalid")]
    public required bool AccountInvalid { get; init; }

    [JsonPropertyName("account_failed")]
    public required bool AccountFailed { get; init; }

    [JsonPropertyName("timed_stats")]
    public required IReadOnlyList<TimedStats> TimedStats { get; init; }

    /// <summary>A node's own figures: only the high-water mark; requests are counted where they enter, at backends.</summary>
    public static BlockDeviceStats OfNode(IGraphNode node) => Of(new BlockStats(), node, counted: false);

    public static BlockDeviceStats OfBackend(IBlockBackend backend) => Of(backend.Stats, backend.Node, counted: true);

    private static BlockDeviceStats Of(BlockStats stats, IGraphNode node, bool counted) => new()
    {
        ReadBytes = stats.ReadBytes,
        WriteBytes = stats.WriteBytes,
        UnmapBytes = stats.UnmapBytes,
        ReadOperations = stats.ReadOperations,
        WriteOperations = stats.WriteOperations,
        FlushOperations = stats.FlushOperations,
        UnmapOperations = stats.UnmapOperations,
        ReadTime = stats.ReadTotalTimeNs,
        WriteTime = stats.WriteTotalTimeNs,
        FlushTime = stats.FlushTotalTimeNs,
        UnmapTime = stats.UnmapTotalTimeNs,
        WriteHighWater = node.WriteHighWater,
        ReadMerged = 0,
        WriteMerged = 0,
        UnmapMerged = 0,
        IdleTime = stats.IdleTimeNs,
        FailedReads = stats.FailedReadOperations,
        FailedWrites = stats.FailedWriteOperations,
        FailedFlushes = stats.FailedFlushOperations,
        FailedUnmaps = stats.FailedUnmapOperations,
        InvalidReads = stats.InvalidReadOperations,
        InvalidWrites = stats.InvalidWriteOperations,
        InvalidFlushes = stats.InvalidFlushOperations,
        InvalidUnmaps = stats.InvalidUnmapOperations,
        AccountInvalid = counted,
        AccountFailed = counted,
        TimedStats = [],
    };
}

/// <summary>QAPI struct BlockDeviceTimedStats, for intervals that a device model asks for.</summary>
internal sealed record TimedStats
{
    [JsonPropertyName("interval_length")]
    public required long IntervalLength { get; init; }
}

/// <summary>The QAPI union BlockStatsSpecific: what a driver counts is of its own type.</summary>
[JsonConverter(typeof(QapiUnionConverter<BlockStatsSpecific>))]
[QapiExtensible(QapiExtension.BlockStatsSpecific)]
internal sealed record BlockStatsSpecific(JsonElement Json) : IQapiUnion<BlockStatsSpecific>
{
    public static BlockStatsSpecific From(JsonElement json) => new(json);

    public static BlockStatsSpecific? Of(IGraphNode node)
    {
        if (!node.TryGetFacet<IDriverStatistics>(out var facet))
            return null;
        return new(QmpJson.WriteObject(writer =>
        {
            writer.WriteString("driver", node.Driver.FormatName);
            foreach (var member in facet.GetStatistics().EnumerateObject())
                member.WriteTo(writer);
        }));
    }
}

/// <summary>QAPI struct BlockStats.</summary>
internal sealed record BlockStatsEntry
{
    public string? Device { get; init; }

    public string? NodeName { get; init; }

    public required BlockDeviceStats Stats { get; init; }

    public BlockStatsSpecific? DriverSpecific { get; init; }

    /// <summary>The storage below, or what a filter filters: QEMU calls it the parent.</summary>
    public BlockStatsEntry? Parent { get; init; }

    public BlockStatsEntry? Backing { get; init; }

    public static BlockStatsEntry OfBackend(IBlockBackend backend) => OfNode(backend.Node, withBacking: true) with
    {
        Device = backend.Name ?? "",
        Stats = BlockDeviceStats.OfBackend(backend),
    };

    public static BlockStatsEntry OfNode(IGraphNode node, bool withBacking) => new()
    {
        NodeName = node.Name,
        Stats = BlockDeviceStats.OfNode(node),
        DriverSpecific = BlockStatsSpecific.Of(node),
        Parent = node.Children.FirstOrDefault(edge => (edge.Role & BlockChildRole.Primary) != 0)?.Child is { } below
            ? OfNode(below, withBacking)
            : null,
        Backing = withBacking && node.Backing is { } backing ? OfNode(backing, withBacking) : null,
    };
}
