// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Mirror;

/// <summary>QAPI enum MirrorSyncMode: what of a disk is copied.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MirrorSyncMode>))]
internal enum MirrorSyncMode
{
    /// <summary>What the top image holds, not its backing files.</summary>
    [JsonStringEnumMemberName("top")]
    Top = 0,

    [JsonStringEnumMemberName("full")]
    Full = 1,

    /// <summary>Only what is written from now on.</summary>
    [JsonStringEnumMemberName("none")]
    None = 2,

    [JsonStringEnumMemberName("incremental")]
    Incremental = 3,

    [JsonStringEnumMemberName("bitmap")]
    Bitmap = 4,
}

/// <summary>QAPI enum MirrorCopyMode: when writes of guests reach the target.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MirrorCopyMode>))]
internal enum MirrorCopyMode
{
    /// <summary>Some time later.</summary>
    [JsonStringEnumMemberName("background")]
    Background = 0,

    /// <summary>Before the guest's write completes.</summary>
    [JsonStringEnumMemberName("write-blocking")]
    WriteBlocking = 1,
}

/// <summary>One mirror job's settings.</summary>
internal sealed record MirrorSettings
{
    public const int DefaultBufferSize = 10 << 20;

    public required IGraphNode Source { get; init; }

    public required IGraphNode Target { get; init; }

    public required MirrorSyncMode Sync { get; init; }

    /// <summary>Bytes of a unit of the dirty bitmap.</summary>
    public required long Granularity { get; init; }

    /// <summary>Bytes under way at the most.</summary>
    public int BufferSize { get; init; } = DefaultBufferSize;

    public BlockdevOnError OnSourceError { get; init; }

    public BlockdevOnError OnTargetError { get; init; }

    /// <summary>Holes of the source may become holes of the target.</summary>
    public bool Unmap { get; init; } = true;

    public MirrorCopyMode CopyMode { get; init; }

    /// <summary>The node whose users move to the target; null: the source.</summary>
    public string? Replaces { get; init; }
}
