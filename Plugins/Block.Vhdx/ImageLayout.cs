// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx;

/// <summary>What an image's tables say of it.</summary>
internal sealed record ImageLayout
{
    public required RegionMap Regions { get; init; }

    public required RegionTable RegionTable { get; init; }

    public required BlockTable Table { get; init; }

    /// <summary>Where in the file the size of the disk stands.</summary>
    public required long DiskSizeAt { get; init; }

    /// <summary>Blocks keep their places whatever is discarded: a fixed image.</summary>
    public required bool KeepsBlocks { get; init; }

    /// <summary>A differencing image's.</summary>
    public ParentLocator? Parent { get; init; }
}
