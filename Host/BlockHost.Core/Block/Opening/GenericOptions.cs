// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block.Opening;

/// <summary>The members of BlockdevOptions that every driver shares, after inheritance.</summary>
internal sealed record GenericOptions
{
    public const string DeadlineName = "x-blockhost-deadline";

    public bool ReadOnly { get; init; }

    /// <summary>The image is this process's.</summary>
    public bool Active { get; init; } = true;

    public bool AutoReadOnly { get; init; }

    public bool CacheDirect { get; init; }

    public bool CacheNoFlush { get; init; }

    public bool DiscardUnmap { get; init; }

    public bool ForceShare { get; init; }

    public DetectZeroes DetectZeroes { get; init; }

    /// <summary>After so long without an answer the node's peers are given up; null: never.</summary>
    public TimeSpan? Deadline { get; init; }
}
