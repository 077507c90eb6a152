// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Backup;

/// <summary>QAPI enum BitmapSyncMode: when the bitmap forgets what has been copied.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<BitmapSyncMode>))]
internal enum BitmapSyncMode
{
    [JsonStringEnumMemberName("on-success")]
    OnSuccess = 0,

    [JsonStringEnumMemberName("never")]
    Never = 1,

    /// <summary>Also when the job fails: then what it has not copied stays.</summary>
    [JsonStringEnumMemberName("always")]
    Always = 2,
}

/// <summary>What a user asks for; null is the default.</summary>
internal sealed record BackupRequest
{
    public required string? Id { get; init; }

    public JobFlags Flags { get; init; }

    public long Speed { get; init; }

    public required IGraphNode Source { get; init; }

    public required IGraphNode Target { get; init; }

    public required MirrorSyncMode Sync { get; init; }

    public string? Bitmap { get; init; }

    public BitmapSyncMode? BitmapMode { get; init; }

    public bool Compress { get; init; }

    public BlockdevOnError OnSourceError { get; init; }

    public BlockdevOnError OnTargetError { get; init; }

    public string? FilterNodeName { get; init; }

    public long? MaxWorkers { get; init; }

    public long? MaxChunk { get; init; }
}
