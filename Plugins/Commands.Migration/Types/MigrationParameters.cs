// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Migration.Types;

/// <summary>QAPI struct MigrationParameters, and in the same form what is set of it: what is left out stays.</summary>
internal sealed record MigrationParameters
{
    public ulong? AnnounceInitial { get; init; }

    public ulong? AnnounceMax { get; init; }

    public ulong? AnnounceRounds { get; init; }

    public ulong? AnnounceStep { get; init; }

    public byte? CompressLevel { get; init; }

    public byte? CompressThreads { get; init; }

    public bool? CompressWaitThread { get; init; }

    public byte? DecompressThreads { get; init; }

    public byte? ThrottleTriggerThreshold { get; init; }

    public byte? CpuThrottleInitial { get; init; }

    public byte? CpuThrottleIncrement { get; init; }

    public bool? CpuThrottleTailslow { get; init; }

    public string? TlsCreds { get; init; }

    public string? TlsHostname { get; init; }

    public string? TlsAuthz { get; init; }

    public ulong? MaxBandwidth { get; init; }

    public ulong? DowntimeLimit { get; init; }

    [QapiFeature("unstable")]
    [JsonPropertyName("x-checkpoint-delay")]
    public uint? CheckpointDelay { get; init; }

    public bool? BlockIncremental { get; init; }

    public byte? MultifdChannels { get; init; }

    public ulong? XbzrleCacheSize { get; init; }

    public ulong? MaxPostcopyBandwidth { get; init; }

    public byte? MaxCpuThrottle { get; init; }

    public MultiFdCompression? MultifdCompression { get; init; }

    public byte? MultifdZlibLevel { get; init; }

    public byte? MultifdZstdLevel { get; init; }

    public IReadOnlyList<BitmapMigrationNodeAlias>? BlockBitmapMapping { get; init; }
}

/// <summary>QAPI enum MultiFDCompression.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MultiFdCompression>))]
internal enum MultiFdCompression
{
    [JsonStringEnumMemberName("none")]
    None = 0,

    [JsonStringEnumMemberName("zlib")]
    Zlib = 1,

    [JsonStringEnumMemberName("zstd")]
    Zstd = 2,
}

/// <summary>How a node and its bitmaps are called in the stream.</summary>
internal sealed record BitmapMigrationNodeAlias
{
    public required string NodeName { get; init; }

    public required string Alias { get; init; }

    public required IReadOnlyList<BitmapMigrationBitmapAlias> Bitmaps { get; init; }
}

internal sealed record BitmapMigrationBitmapAlias
{
    public required string Name { get; init; }

    public required string Alias { get; init; }

    public BitmapMigrationBitmapAliasTransform? Transform { get; init; }
}

internal sealed record BitmapMigrationBitmapAliasTransform
{
    /// <summary>Whether it is persistent where it arrives; left out: as it was.</summary>
    public bool? Persistent { get; init; }
}
