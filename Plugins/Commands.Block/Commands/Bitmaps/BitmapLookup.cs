// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands.Bitmaps;

/// <summary>Finds bitmaps by names, with QEMU's texts where there is none.</summary>
internal static class BitmapLookup
{
    public static IDirtyBitmap Find(IBlockGraph graph, string node, string name) => Find(FindNode(graph, node), name);

    public static IDirtyBitmap Find(IBlockGraph graph, IGraphNode node, BlockDirtyBitmapOrStr source) =>
        source.Node is { } other ? Find(graph, other, source.Name) : Find(node, source.Name);

    public static IGraphNode FindNode(IBlockGraph graph, string name)
    {
        if (graph.Backends.FirstOrDefault(backend => backend.Name == name) is { } backend)
            return backend.Node;
        return graph.TryGetNode(name, out var node) ? node : throw new QmpException($"Node '{name}' not found");
    }

    private static IDirtyBitmap Find(IGraphNode node, string name) =>
        node.DirtyBitmaps.Find(name) ?? throw new QmpException($"Dirty bitmap '{name}' not found");
}
