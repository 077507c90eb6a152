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
    public required string Id { get; init; }

    public required JobStatus Status { get; init; }
}

internal sealed record BlockJobFactsEvent
{
    [QapiExtensible(QapiExtension.JobType)]
    public required string Type { get; init; }

    public required string Device { get; init; }

    [JsonPropertyName("len")]
    public required long Length { get; init; }

    public required long Offset { get; init; }

    public required long Speed { get; init; }
}

internal sealed record BlockJobEndEvent
{
    [QapiExtensible(QapiExtension.JobType)]
    public required string Type { get; init; }

    public required string Device { get; init; }

    [JsonPropertyName("len")]
    public required long Length { get; init; }

    public required long Offset { get; init; }

    public required long Speed { get; init; }

    public string? Error { get; init; }
}

internal sealed record BlockJobErrorEvent
{
    public required string Device { get; init; }

    public required Block.IoErrorOperation Operation { get; init; }

    public required Block.IoErrorAction Action { get; init; }
}

internal sealed record BlockJobPendingEvent
{
    [QapiExtensible(QapiExtension.JobType)]
    public required string Type { get; init; }

    public required string Id { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JobStatusChangeEvent))]
[JsonSerializable(typeof(BlockJobFactsEvent))]
[JsonSerializable(typeof(BlockJobEndEvent))]
[JsonSerializable(typeof(BlockJobErrorEvent))]
[JsonSerializable(typeof(BlockJobPendingEvent))]
internal sealed partial class JobEventsJson : JsonSerializerContext;
