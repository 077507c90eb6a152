// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Stream.Commands;

internal sealed record BlockStreamArguments
{
    public string? JobId { get; init; }

    public required string Device { get; init; }

    /// <summary>File name of the base.</summary>
    public string? Base { get; init; }

    public string? BaseNode { get; init; }

    public string? BackingFile { get; init; }

    /// <summary>The lowest node whose data is copied.</summary>
    public string? Bottom { get; init; }

    public long? Speed { get; init; }

    public BlockdevOnError? OnError { get; init; }

    public string? FilterNodeName { get; init; }

    public bool? AutoFinalize { get; init; }

    public bool? AutoDismiss { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlockStreamArguments))]
[JsonSerializable(typeof(CopyOnReadBottom))]
internal sealed partial class StreamJson : JsonSerializerContext;

/// <summary>The option of the filter that says how deep it copies.</summary>
internal sealed record CopyOnReadBottom(string Bottom);
