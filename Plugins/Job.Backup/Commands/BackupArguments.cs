// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Backup.Commands;

/// <summary>QAPI struct BackupCommon.</summary>
internal abstract record BackupArguments
{
    public string? JobId { get; init; }

    public required string Device { get; init; }

    public required MirrorSyncMode Sync { get; init; }

    public long? Speed { get; init; }

    public string? Bitmap { get; init; }

    public BitmapSyncMode? BitmapMode { get; init; }

    public bool? Compress { get; init; }

    public BlockdevOnError? OnSourceError { get; init; }

    public BlockdevOnError? OnTargetError { get; init; }

    public bool? AutoFinalize { get; init; }

    public bool? AutoDismiss { get; init; }

    public string? FilterNodeName { get; init; }

    [JsonPropertyName("x-perf")]
    [QapiFeature("unstable")]
    public BackupPerf? Performance { get; init; }

    public BackupRequest ToRequest(IGraphNode source, IGraphNode target) => new()
    {
        Id = JobId,
        Flags = JobRequest.FlagsOf(AutoFinalize, AutoDismiss),
        Speed = Speed ?? 0,
        Source = source,
        Target = target,
        Sync = Sync,
        Bitmap = Bitmap,
        BitmapMode = BitmapMode,
        Compress = Compress ?? false,
        OnSourceError = OnSourceError ?? BlockdevOnError.Report,
        OnTargetError = OnTargetError ?? BlockdevOnError.Report,
        FilterNodeName = FilterNodeName,
        MaxWorkers = Performance?.MaxWorkers,
        MaxChunk = Performance?.MaxChunk,
    };
}

/// <summary>QAPI struct BlockdevBackup.</summary>
internal sealed record BlockdevBackupArguments : BackupArguments
{
    /// <summary>Device or node name.</summary>
    public required string Target { get; init; }
}

/// <summary>QAPI struct DriveBackup.</summary>
internal sealed record DriveBackupArguments : BackupArguments
{
    /// <summary>The name of a file.</summary>
    public required string Target { get; init; }

    public string? Format { get; init; }

    public NewImageMode? Mode { get; init; }
}

/// <summary>QAPI struct BackupPerf.</summary>
internal sealed record BackupPerf
{
    /// <summary>Accepted; copies go through memory, whatever is asked for.</summary>
    public bool? UseCopyRange { get; init; }

    /// <summary>Copies under way at the same time, at the most.</summary>
    public long? MaxWorkers { get; init; }

    /// <summary>Bytes of one copy at the most; 0: no limit of the user's.</summary>
    public long? MaxChunk { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlockdevBackupArguments))]
[JsonSerializable(typeof(DriveBackupArguments))]
[JsonSerializable(typeof(DriveBackupNodeOptions))]
internal sealed partial class BackupJson : JsonSerializerContext;
