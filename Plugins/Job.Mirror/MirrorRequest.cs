// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Mirror;

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

/// <summary>The target's backing file when users move there.</summary>
internal enum TargetBacking
{
    /// <summary>The one it has.</summary>
    Stays = 0,

    /// <summary>What the source has and was not copied: its backing file, or the source itself; else none.</summary>
    OfSource = 1,

    /// <summary>What the target's header records.</summary>
    OfHeader = 2,
}

/// <summary>What a user asks for; null is the default.</summary>
internal sealed record MirrorRequest
{
    public required string? Id { get; init; }

    public JobFlags Flags { get; init; }

    public long Speed { get; init; }

    public required MirrorSyncMode Sync { get; init; }

    /// <summary>The target may hold something else than zeroes.</summary>
    public bool ZeroTarget { get; init; }

    public TargetBacking Backing { get; init; }

    public long? Granularity { get; init; }

    public long? BufferSize { get; init; }

    public BlockdevOnError OnSourceError { get; init; }

    public BlockdevOnError OnTargetError { get; init; }

    public bool Unmap { get; init; } = true;

    public MirrorCopyMode CopyMode { get; init; }

    public string? Replaces { get; init; }

    public string? FilterNodeName { get; init; }
}
