// SPDX-License-Identifier: MIT
using BlockHost.Net;

namespace BlockHost.Plugins.Commands.Migration.Types;

/// <summary>What query-migrate answers: of QAPI's MigrationInfo what there can be without memory.</summary>
internal sealed record MigrationInfo
{
    /// <summary>Left out before the first migration.</summary>
    public MigrationStatus? Status { get; init; }

    public MigrationStats? Ram { get; init; }

    public long? TotalTime { get; init; }

    public long? ExpectedDowntime { get; init; }

    public long? Downtime { get; init; }

    public long? SetupTime { get; init; }

    public string? ErrorDesc { get; init; }

    /// <summary>Where an incoming migration is waited for.</summary>
    public IReadOnlyList<SocketAddress>? SocketAddress { get; init; }
}

/// <summary>QAPI struct MigrationStats: of memory, of which there is none, but for the bytes of the stream.</summary>
internal sealed record MigrationStats
{
    public required long Transferred { get; init; }

    public long Remaining { get; init; }

    public long Total { get; init; }

    public long Duplicate { get; init; }

    public long Skipped { get; init; }

    public long Normal { get; init; }

    public long NormalBytes { get; init; }

    public long DirtyPagesRate { get; init; }

    public double Mbps { get; init; }

    public required long DirtySyncCount { get; init; }

    public long PostcopyRequests { get; init; }

    public long PageSize { get; init; } = 4096;

    public ulong MultifdBytes { get; init; }

    public ulong PagesPerSecond { get; init; }

    public ulong PrecopyBytes { get; init; }

    public ulong DowntimeBytes { get; init; }

    public ulong PostcopyBytes { get; init; }

    public ulong DirtySyncMissedZeroCopy { get; init; }
}
