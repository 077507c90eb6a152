// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Copying;

/// <summary>Finds nodes along a backing chain. Filters are layers of it too.</summary>
public static class BackingChain
{
    /// <summary>The next layer: what a filter filters, or the backing file.</summary>
    public static IGraphNode? Below(IGraphNode node)
    {
        var role = node.Driver.Kind == BlockDriverKind.Filter ? BlockChildRole.Filtered : BlockChildRole.CopyOnWrite;
        return node.Children.FirstOrDefault(edge => (edge.Role & role) != 0)?.Child;
    }

    /// <summary>The layers from the top down to the one above <paramref name="end"/>, which is in the chain, or null.</summary>
    public static IEnumerable<IGraphNode> Layers(IGraphNode top, IGraphNode? end = null)
    {
        for (IGraphNode? node = top; node is not null && node != end; node = Below(node))
            yield return node;
    }

    /// <summary>
    /// Depths of a chain status (<see cref="ChainStatus.Depth"/>) that are decided above <paramref name="end"/>: filters straight
    /// over it tell of its data as theirs.
    /// </summary>
    public static int DepthsAbove(IGraphNode top, IGraphNode? end)
    {
        var layers = Layers(top, end).ToArray();
        return end is null
            ? layers.Length
            : Array.FindLastIndex(layers, layer => layer.Driver.Kind != BlockDriverKind.Filter) + 1;
    }

    public static bool Contains(IGraphNode top, IGraphNode wanted) => Layers(top).Contains(wanted);

    public static IGraphNode SkipFilters(IGraphNode node) =>
        Layers(node).First(layer => layer.Driver.Kind != BlockDriverKind.Filter);

    /// <summary>The lowest layer that is no filter.</summary>
    public static IGraphNode Bottom(IGraphNode top) => Layers(top).Last(layer => layer.Driver.Kind != BlockDriverKind.Filter);

    /// <summary>
    /// A layer under <paramref name="top"/> by its file name, or by what its overlay's header calls it; a relative name counts
    /// from the overlay's folder.
    /// </summary>
    public static IGraphNode? FindByFileName(IGraphNode top, string fileName)
    {
        foreach (var overlay in Layers(top))
        {
            if (Below(overlay) is { } below && (below.FileName == fileName || IsRecordedAs(overlay, fileName)))
                return below;
        }

        return null;
    }

    private static bool IsRecordedAs(IGraphNode overlay, string fileName)
    {
        var image = overlay.Children.FirstOrDefault(edge => (edge.Role & BlockChildRole.Primary) != 0)?.Child.FileName ?? "";
        return overlay.RecordedBacking is { } recorded
            && ImageFileName.TryResolve(image, recorded.FileName, out var recordedFull)
            && ImageFileName.TryResolve(image, fileName, out var wanted)
            && recordedFull == wanted;
    }
}
