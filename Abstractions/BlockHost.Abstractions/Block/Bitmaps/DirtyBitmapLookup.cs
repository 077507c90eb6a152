// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.Block.Bitmaps;

/// <summary>Finds bitmaps by names, with QEMU's texts where there is none.</summary>
public static class DirtyBitmapLookup
{
    /// <param name="node">Device or node name.</param>
    /// <exception cref="BlockException">There is no such node or bitmap.</exception>
    public static IDirtyBitmap FindDirtyBitmap(this IBlockGraph graph, string node, string name)
    {
        var found = graph.Backends.FirstOrDefault(backend => backend.Name == node)?.Node;
        if (found is null && !graph.TryGetNode(node, out found))
            throw new BlockException(BlockErrorKind.NotFound, $"Node '{node}' not found");
        return found.DirtyBitmaps.Get(name);
    }

    /// <exception cref="BlockException">The node has no such bitmap.</exception>
    public static IDirtyBitmap Get(this IDirtyBitmaps bitmaps, string name) =>
        bitmaps.Find(name) ?? throw new BlockException(BlockErrorKind.NotFound, $"Dirty bitmap '{name}' not found");
}
