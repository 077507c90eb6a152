// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Plugins.Job.Stream;

/// <summary>
/// The part of a backing chain that a job works on:
/// <code>
///   Top ─► Intermediate[0] ─► … ─► Intermediate[^1] ─► Base (null: the whole chain is copied)
/// </code>
/// </summary>
internal sealed record StreamChain(IGraphNode Top, IReadOnlyList<IGraphNode> Intermediate, IGraphNode? Base)
{
    /// <summary>Layers above <paramref name="bottomExclusive"/>, which is in the chain, or null.</summary>
    public static StreamChain Above(IGraphNode top, IGraphNode? bottomExclusive)
    {
        var between = new List<IGraphNode>();
        for (var node = Below(top); node is not null && node != bottomExclusive; node = Below(node))
            between.Add(node);
        return new(top, between, bottomExclusive);
    }

    /// <summary>The next layer: what a filter filters, or the backing file.</summary>
    public static IGraphNode? Below(IGraphNode node) =>
        node.Children.FirstOrDefault(edge => (edge.Role & (BlockChildRole.Filtered | BlockChildRole.CopyOnWrite)) != 0)?.Child;

    public static bool Contains(IGraphNode top, IGraphNode wanted)
    {
        for (IGraphNode? node = top; node is not null; node = Below(node))
        {
            if (node == wanted)
                return true;
        }

        return false;
    }
}
