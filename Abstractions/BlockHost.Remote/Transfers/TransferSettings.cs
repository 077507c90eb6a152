// SPDX-License-Identifier: MIT
namespace BlockHost.Remote.Transfers;

/// <summary>How much is fetched at once, and how long is waited.</summary>
public sealed record TransferSettings
{
    /// <summary>Fetches at the same time.</summary>
    public int Connections { get; init; } = 8;

    /// <summary>A try ends when nothing has come for so long; zero: never.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A request fails when so much time has passed with all its tries; zero: after the first try that fails.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The deadline counts from when something came last: what comes only as a whole may take long, and does come.
    /// </summary>
    public bool DeadlineFollowsProgress { get; init; }
}
