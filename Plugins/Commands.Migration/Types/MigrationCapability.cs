// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Plugins.Commands.Migration.Types;

/// <summary>QAPI enum MigrationCapability, in its order.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MigrationCapability>))]
internal enum MigrationCapability
{
    [JsonStringEnumMemberName("xbzrle")]
    Xbzrle = 0,

    [JsonStringEnumMemberName("rdma-pin-all")]
    RdmaPinAll = 1,

    [JsonStringEnumMemberName("auto-converge")]
    AutoConverge = 2,

    [JsonStringEnumMemberName("zero-blocks")]
    ZeroBlocks = 3,

    [JsonStringEnumMemberName("compress")]
    Compress = 4,

    /// <summary>MIGRATION and MIGRATION_PASS are sent.</summary>
    [JsonStringEnumMemberName("events")]
    Events = 5,

    [JsonStringEnumMemberName("postcopy-ram")]
    PostcopyRam = 6,

    [JsonStringEnumMemberName("x-colo")]
    Colo = 7,

    [JsonStringEnumMemberName("release-ram")]
    ReleaseRam = 8,

    [JsonStringEnumMemberName("block")]
    Block = 9,

    /// <summary>The destination says how it went; here it does wherever the channel goes both ways.</summary>
    [JsonStringEnumMemberName("return-path")]
    ReturnPath = 10,

    /// <summary>The stopped source waits for migrate-continue before it lets go of the images.</summary>
    [JsonStringEnumMemberName("pause-before-switchover")]
    PauseBeforeSwitchover = 11,

    [JsonStringEnumMemberName("multifd")]
    Multifd = 12,

    [JsonStringEnumMemberName("dirty-bitmaps")]
    DirtyBitmaps = 13,

    [JsonStringEnumMemberName("postcopy-blocktime")]
    PostcopyBlocktime = 14,

    /// <summary>A destination that does not start activates its images only when it is told to.</summary>
    [JsonStringEnumMemberName("late-block-activate")]
    LateBlockActivate = 15,

    [JsonStringEnumMemberName("x-ignore-shared")]
    IgnoreShared = 16,

    [JsonStringEnumMemberName("validate-uuid")]
    ValidateUuid = 17,

    [JsonStringEnumMemberName("background-snapshot")]
    BackgroundSnapshot = 18,

    [JsonStringEnumMemberName("zero-copy-send")]
    ZeroCopySend = 19,

    [JsonStringEnumMemberName("postcopy-preempt")]
    PostcopyPreempt = 20,
}

/// <summary>QAPI struct MigrationCapabilityStatus.</summary>
internal sealed record MigrationCapabilityStatus
{
    public required MigrationCapability Capability { get; init; }

    public required bool State { get; init; }
}

internal sealed record SetCapabilitiesArguments
{
    public required IReadOnlyList<MigrationCapabilityStatus> Capabilities { get; init; }
}
