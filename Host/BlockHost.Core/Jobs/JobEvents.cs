// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Jobs;

/// <summary>What monitors are told of jobs.</summary>
public static class JobEvents
{
    internal static QmpEvent<JobStatusChangeEvent> StatusChange { get; } = new(
        "JOB_STATUS_CHANGE", () => JobEventsJson.Default.JobStatusChangeEvent);

    internal static QmpEvent<BlockJobEndEvent> Completed { get; } = new(
        "BLOCK_JOB_COMPLETED", () => JobEventsJson.Default.BlockJobEndEvent);

    internal static QmpEvent<BlockJobFactsEvent> Cancelled { get; } = new(
        "BLOCK_JOB_CANCELLED", () => JobEventsJson.Default.BlockJobFactsEvent);

    internal static QmpEvent<BlockJobFactsEvent> Ready { get; } = new(
        "BLOCK_JOB_READY", () => JobEventsJson.Default.BlockJobFactsEvent);

    internal static QmpEvent<BlockJobErrorEvent> Error { get; } = new(
        "BLOCK_JOB_ERROR", () => JobEventsJson.Default.BlockJobErrorEvent);

    internal static QmpEvent<BlockJobPendingEvent> Pending { get; } = new(
        "BLOCK_JOB_PENDING", () => JobEventsJson.Default.BlockJobPendingEvent);

    public static void Register(IPluginRegistry registry)
    {
        registry.Add(StatusChange);
        registry.Add(Completed);
        registry.Add(Cancelled);
        registry.Add(Ready);
        registry.Add(Error);
        registry.Add(Pending);
    }
}

internal sealed record JobStatusChangeEvent
{
    [JsonPropertyName("id")]
    public required string Id { get; init; }

    [JsonPropertyName("status")]
    public required JobStatus Status { get; init; }
}

internal sealed record BlockJobFactsEvent
{
    [JsonPropertyName("type")]
    [QapiExtensible(QapiExtension.JobType)]
    public required string Type { get; init; }

    [JsonPropertyName("device")]
    public required string Device { get; init; }

    [JsonPropertyName("len")]
    public required long Length { get; init; }

    [JsonPropertyName("offset")]
    public required long Offset { get; init; }

    [JsonPropertyName("speed")]
    public required long Speed { get; init; }
}

internal sealed record BlockJobEndEvent
{
    [JsonPropertyName("type")]
    [QapiExtensible(QapiExtension.JobType)]
    public required string Type { get; init; }

    [JsonPropertyName("device")]
    public required string Device { get; init; }

    [JsonPropertyName("len")]
    public required long Length { get; init; }

    [JsonPropertyName("offset")]
    public required long Offset { get; init; }

    [JsonPropertyName("speed")]
    public required long Speed { get; init; }

    [JsonPropertyName("error")]
    public string? Error { get; init; }
}

internal sealed record BlockJobErrorEvent
{
    [JsonPropertyName("device")]
    public required string Device { get; init; }

    [JsonPropertyName("operation")]
    public required Block.IoErrorOperation Operation { get; init; }

    [JsonPropertyName("action")]
    public required Block.IoErrorAction Action { get; init; }
}

internal sealed record BlockJobPendingEvent
{
    [JsonPropertyName("type")]
    [QapiExtensible(QapiExtension.JobType)]
    public required string Type { get; init; }

    [JsonPropertyName("id")]
    public required string Id { get; init; }
}

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JobStatusChangeEvent))]
[JsonSerializable(typeof(BlockJobFactsEvent))]
[JsonSerializable(typeof(BlockJobEndEvent))]
[JsonSerializable(typeof(BlockJobErrorEvent))]
[JsonSerializable(typeof(BlockJobPendingEvent))]
internal sealed partial class JobEventsJson : JsonSerializerContext;
