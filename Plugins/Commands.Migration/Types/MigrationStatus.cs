// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Plugins.Commands.Migration.Types;

/// <summary>QAPI enum MigrationStatus, in its order.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MigrationStatus>))]
internal enum MigrationStatus
{
    [JsonStringEnumMemberName("none")]
    None = 0,

    [JsonStringEnumMemberName("setup")]
    Setup = 1,

    [JsonStringEnumMemberName("cancelling")]
    Cancelling = 2,

    [JsonStringEnumMemberName("cancelled")]
    Cancelled = 3,

    [JsonStringEnumMemberName("active")]
    Active = 4,

    [JsonStringEnumMemberName("postcopy-active")]
    PostcopyActive = 5,

    [JsonStringEnumMemberName("postcopy-paused")]
    PostcopyPaused = 6,

    [JsonStringEnumMemberName("postcopy-recover")]
    PostcopyRecover = 7,

    [JsonStringEnumMemberName("completed")]
    Completed = 8,

    [JsonStringEnumMemberName("failed")]
    Failed = 9,

    [JsonStringEnumMemberName("colo")]
    Colo = 10,

    [JsonStringEnumMemberName("pre-switchover")]
    PreSwitchover = 11,

    [JsonStringEnumMemberName("device")]
    Device = 12,

    [JsonStringEnumMemberName("wait-unplug")]
    WaitUnplug = 13,
}

/// <summary>Data of MIGRATION.</summary>
internal sealed record MigrationEvent
{
    public required MigrationStatus Status { get; init; }
}

/// <summary>Data of MIGRATION_PASS.</summary>
internal sealed record MigrationPassEvent
{
    public required long Pass { get; init; }
}
