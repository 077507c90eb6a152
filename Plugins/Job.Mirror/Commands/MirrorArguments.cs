// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Mirror.Commands;

/// <summary>What both commands take.</summary>
internal abstract record MirrorArguments
{
    public string? JobId { get; init; }

    public required string Device { get; init; }

    public string? Replaces { get; init; }

    public required MirrorSyncMode Sync { get; init; }

    public long? Speed { get; init; }

    public uint? Granularity { get; init; }

    public long? BufSize { get; init; }

    public BlockdevOnError? OnSourceError { get; init; }

    public BlockdevOnError? OnTargetError { get; init; }

    public MirrorCopyMode? CopyMode { get; init; }

    public bool? AutoFinalize { get; init; }

    public bool? AutoDismiss { get; init; }

    public MirrorRequest ToRequest() => new()
    {
        Id = JobId,
        Flags = JobRequest.FlagsOf(AutoFinalize, AutoDismiss),
        Speed = Speed ?? 0,
        Sync = Sync,
        ZeroTarget = Sync == MirrorSyncMode.Full,
        Granularity = Granularity,
        BufferSize = BufSize,
        OnSourceError = OnSourceError ?? BlockdevOnError.Report,
        OnTargetError = OnTargetError ?? BlockdevOnError.Report,
        CopyMode = CopyMode ?? MirrorCopyMode.Background,
        Replaces = Replaces,
    };
}

/// <summary>Arguments of blockdev-mirror.</summary>
internal sealed record BlockdevMirrorArguments : MirrorArguments
{
    /// <summary>Device or node name.</summary>
    public required string Target { get; init; }

    public string? FilterNodeName { get; init; }
}

/// <summary>QAPI struct DriveMirror.</summary>
internal sealed record DriveMirrorArguments : MirrorArguments
{
    /// <summary>The name of a file.</summary>
    public required string Target { get; init; }

    public string? Format { get; init; }

    public string? NodeName { get; init; }

    public NewImageMode? Mode { get; init; }

    public bool? Unmap { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlockdevMirrorArguments))]
[JsonSerializable(typeof(DriveMirrorArguments))]
internal sealed partial class MirrorJson : JsonSerializerContext;
