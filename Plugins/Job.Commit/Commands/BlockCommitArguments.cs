// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Commit.Commands;

internal sealed record BlockCommitArguments
{
    public string? JobId { get; init; }

    public required string Device { get; init; }

    public string? BaseNode { get; init; }

    /// <summary>File name of the image that is written.</summary>
    [QapiFeature("deprecated")]
    public string? Base { get; init; }

    public string? TopNode { get; init; }

    /// <summary>File name of the highest image whose data goes down.</summary>
    [QapiFeature("deprecated")]
    public string? Top { get; init; }

    public string? BackingFile { get; init; }

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
[JsonSerializable(typeof(BlockCommitArguments))]
internal sealed partial class CommitJson : JsonSerializerContext;
