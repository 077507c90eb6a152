// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Copying;

namespace BlockHost.Plugins.Job.Stream;

/// <summary>
/// The part of a backing chain that a job works on:
/// <code>
///   Top ─► Intermediate[0] ─► … ─► Intermediate[^1] ─► Base (null: the whole chain is copied)
/// </code>
/// </summary>
internal sealed record StreamChain(IGraphNode Top, IReadOnlyList<IGraphNode> Intermediate, IGraphNode? Base)
{
    /// <summary>Depths of a chain status, asked of the top, that stay with it.</summary>
    public int Depths { get; } = BackingChain.DepthsAbove(Top, Base);

    /// <summary>Layers above <paramref name="bottomExclusive"/>, which is in the chain, or null.</summary>
    public static StreamChain Above(IGraphNode top, IGraphNode? bottomExclusive) =>
        new(top, [.. BackingChain.Layers(top, bottomExclusive).Skip(1)], bottomExclusive);
}
