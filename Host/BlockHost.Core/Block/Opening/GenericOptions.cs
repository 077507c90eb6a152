// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block.Opening;

/// <summary>The members of BlockdevOptions that every driver shares, after inheritance.</summary>
internal sealed record GenericOptions
{
    public bool ReadOnly { get; init; }

    public bool AutoReadOnly { get; init; }

    public bool CacheDirect { get; init; }

    public bool CacheNoFlush { get; init; }

    public bool DiscardUnmap { get; init; }

    public bool ForceShare { get; init; }

    public DetectZeroes DetectZeroes { get; init; }
}
