// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Copying.Mirroring.Filter;
using BlockHost.Jobs;

namespace BlockHost.Copying.Mirroring;

/// <summary>What a mirroring job holds of the graph; <see cref="MirrorStart"/> makes it.</summary>
public sealed class MirrorNodes
{
    internal MirrorNodes(MirrorTopNode filterNode) => FilterNode = filterNode;

    /// <summary>Who holds the nodes.</summary>
    public required IJobContext Job { get; init; }

    /// <summary>Below the filter.</summary>
    public required IBlockBackend Source { get; init; }

    public required IBlockBackend Target { get; init; }

    /// <summary>Between the source and its users, for as long as the job lives.</summary>
    public required IGraphNode Filter { get; init; }

    /// <summary>What of the source the target lacks; records from before anything is copied.</summary>
    public required IDirtyBitmap Dirty { get; init; }

    internal MirrorTopNode FilterNode { get; }
}
