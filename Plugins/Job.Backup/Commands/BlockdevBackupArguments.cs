// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Backup.Commands;

/// <summary>QAPI struct BlockdevBackup.</summary>
internal sealed record BlockdevBackupArguments
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

    public required string Target { get; init; }
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
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlockdevBackupArguments))]
internal sealed partial class BackupJson : JsonSerializerContext;
