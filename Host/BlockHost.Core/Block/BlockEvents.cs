// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Block;

/// <summary>Events that the graph itself emits.</summary>
public static class BlockEvents
{
    public static QmpEvent<WriteThresholdEvent> WriteThreshold { get; } = new("BLOCK_WRITE_THRESHOLD", BlockEventsJson.Default.WriteThresholdEvent);

    public static QmpEvent<ImageCorruptedEvent> ImageCorrupted { get; } = new("BLOCK_IMAGE_CORRUPTED", BlockEventsJson.Default.ImageCorruptedEvent);

    public static void Register(IPluginRegistry registry)
    {
        registry.Add(WriteThreshold);
        registry.Add(ImageCorrupted);
    }
}

public sealed record WriteThresholdEvent
{
    [JsonPropertyName("node-name")]
    public required string NodeName { get; init; }

    [JsonPropertyName("amount-exceeded")]
    public required ulong AmountExceeded { get; init; }

    [JsonPropertyName("write-threshold")]
    public required ulong Threshold { get; init; }
}

public sealed record ImageCorruptedEvent
{
    /// <summary>Name of a backend, or empty.</summary>
    [JsonPropertyName("device")]
    public required string Device { get; init; }

    [JsonPropertyName("node-name")]
    public string? NodeName { get; init; }

    [JsonPropertyName("msg")]
    public required string Message { get; init; }

    [JsonPropertyName("offset")]
    public long? Offset { get; init; }

    [JsonPropertyName("size")]
    public long? Size { get; init; }

    [JsonPropertyName("fatal")]
    public required bool Fatal { get; init; }
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(WriteThresholdEvent))]
[JsonSerializable(typeof(ImageCorruptedEvent))]
internal sealed partial class BlockEventsJson : JsonSerializerContext;
