// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Plugins.Filter.CopyOnRead;

/// <summary>Which layers under the image are copied from.</summary>
internal sealed class CopiedLayers
{
    private readonly IBlockGraph? _graph;
    private readonly string _top;
    private readonly string _bottom;

    private CopiedLayers(IBlockGraph? graph, string top, string bottom)
    {
        _graph = graph;
        _top = top;
        _bottom = bottom;
    }

    /// <summary>All of them, and ranges that no layer has: they are written as zeroes.</summary>
    public static CopiedLayers All { get; } = new(graph: null, "", "");

    /// <exception cref="BlockException">There is no such node below <paramref name="top"/>.</exception>
    public static CopiedLayers DownTo(IBlockGraph graph, string top, string bottom)
    {
        if (!graph.TryGetNode(bottom, out _))
            throw new BlockException(BlockErrorKind.NotFound, $"Bottom node '{bottom}' not found");
        var layers = new CopiedLayers(graph, top, bottom);
        if (layers.Deepest() < 0)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Bottom node '{bottom}' is not in the chain of '{top}'");
        return layers;
    }

    public bool Contain(ChainStatus status)
    {
        if (status.Depth == 0)
            return false;
        return _graph is null || status.Depth <= Deepest();
    }

    /// <summary>Depth of the bottom layer now: layers come and go while the filter lives.</summary>
    private int Deepest()
    {
        if (!_graph!.TryGetNode(_top, out var node))
            return -1;
        var depth = 0;
        for (IGraphNode? layer = node; layer is not null; layer = Below(layer), depth++)
        {
            if (layer.Name == _bottom)
                return depth;
        }

        return -1;
    }

    private static IGraphNode? Below(IGraphNode layer) =>
        layer.Children.FirstOrDefault(edge => (edge.Role & (BlockChildRole.Filtered | BlockChildRole.CopyOnWrite)) != 0)?.Child;
}
