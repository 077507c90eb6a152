// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Mirror.Commands;

internal sealed record BlockdevMirrorArguments
{
    public string? JobId { get; init; }

    public required string Device { get; init; }

    public required string Target { get; init; }

    public string? Replaces { get; init; }

    public required MirrorSyncMode Sync { get; init; }

    public long? Speed { get; init; }

    public uint? Granularity { get; init; }

    public long? BufSize { get; init; }

    public BlockdevOnError? OnSourceError { get; init; }

    public BlockdevOnError? OnTargetError { get; init; }

    public string? FilterNodeName { get; init; }

    public MirrorCopyMode? CopyMode { get; init; }

    public bool? AutoFinalize { get; init; }

    public bool? AutoDismiss { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlockdevMirrorArguments))]
internal sealed partial class MirrorJson : JsonSerializerContext;
