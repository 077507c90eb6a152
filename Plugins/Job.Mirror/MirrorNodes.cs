// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Job.Mirror.Filter;

namespace BlockHost.Plugins.Job.Mirror;

/// <summary>What a mirror job holds of the graph.</summary>
/// <param name="Source">Below the filter.</param>
/// <param name="Dirty">What of the source the target lacks.</param>
internal sealed record MirrorNodes(IBlockBackend Source, IBlockBackend Target, IGraphNode Filter, MirrorTopNode FilterNode, IDirtyBitmap Dirty);
