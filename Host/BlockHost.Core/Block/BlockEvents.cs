// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Block;

/// <summary>Events that the graph itself emits.</summary>
public static class BlockEvents
{
    public static QmpEvent<WriteThresholdEvent> WriteThreshold { get; } = new(
        "BLOCK_WRITE_THRESHOLD", () => BlockEventsJson.Default.WriteThresholdEvent);

    public static QmpEvent<ImageCorruptedEvent> ImageCorrupted { get; } = new(
        "BLOCK_IMAGE_CORRUPTED", () => BlockEventsJson.Default.ImageCorruptedEvent);

    /// <summary>At most one a second for each node: a dead disk fails every request.</summary>
    public static QmpEvent<IoErrorEvent> IoError { get; } = new("BLOCK_IO_ERROR", () => BlockEventsJson.Default.IoErrorEvent)
    {
        MinimumInterval = TimeSpan.FromSeconds(1),
        IntervalKey = "node-name",
    };

    public static void Register(IPluginRegistry registry)
    {
        registry.Add(WriteThreshold);
        registry.Add(ImageCorrupted);
        registry.Add(IoError);
    }
}

public sealed record WriteThresholdEvent
{
    public required string NodeName { get; init; }

    public required ulong AmountExceeded { get; init; }

    [JsonPropertyName("write-threshold")]
    public required ulong Threshold { get; init; }
}

public sealed record ImageCorruptedEvent
{
    /// <summary>Name of a backend, or empty.</summary>
    public required string Device { get; init; }

    public string? NodeName { get; init; }

    [JsonPropertyName("msg")]
    public required string Message { get; init; }

    public long? Offset { get; init; }

    public long? Size { get; init; }

    public required bool Fatal { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<IoErrorOperation>))]
public enum IoErrorOperation
{
    [JsonStringEnumMemberName("read")]
    Read = 0,

    [JsonStringEnumMemberName("write")]
    Write = 1,
}

/// <summary>What was done about an error.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<IoErrorAction>))]
public enum IoErrorAction
{
    [JsonStringEnumMemberName("ignore")]
    Ignore = 0,

    [JsonStringEnumMemberName("report")]
    Report = 1,

    [JsonStringEnumMemberName("stop")]
    Stop = 2,
}

public sealed record IoErrorEvent
{
    /// <summary>Name of a backend, or empty.</summary>
    public required string Device { get; init; }

    public string? NodeName { get; init; }

    public required IoErrorOperation Operation { get; init; }

    public required IoErrorAction Action { get; init; }

    /// <summary>The storage is full.</summary>
    [JsonPropertyName("nospace")]
    public bool? NoSpace { get; init; }

    public required string Reason { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(WriteThresholdEvent))]
[JsonSerializable(typeof(ImageCorruptedEvent))]
[JsonSerializable(typeof(IoErrorEvent))]
internal sealed partial class BlockEventsJson : JsonSerializerContext;
