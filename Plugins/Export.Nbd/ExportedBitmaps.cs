// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Exports;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Export.Nbd;

/// <summary>The dirty bitmaps that an export's options name.</summary>
internal static class ExportedBitmaps
{
    /// <exception cref="QmpException">One is not there or not fit to be shown.</exception>
    public static IReadOnlyList<IDirtyBitmap> Find(IExportContext context, IReadOnlyList<BlockDirtyBitmapOrStr> references)
    {
        var found = new List<IDirtyBitmap>();
        foreach (var reference in references)
        {
            var bitmap = reference.Node is { } node
                ? context.Host.Graph.FindDirtyBitmap(node, reference.Name)
                : FindInChain(context, reference.Name);
            bitmap.RequireUsable(BitmapUse.AllowReadOnly);
            found.Add(bitmap);
        }

        return found;
    }

    /// <summary>A name alone is looked for in the node and then in what lies below it.</summary>
    private static IDirtyBitmap FindInChain(IExportContext context, string name)
    {
        for (var node = context.Backend.Node; node is not null; node = Below(node))
        {
            if (node.DirtyBitmaps.Find(name) is not { } bitmap)
                continue;

            // The client would see a state that goes on changing behind an export that says nothing does.
            if (!context.Writable && !node.ReadOnly && bitmap.Enabled)
                throw new QmpException($"Enabled bitmap '{name}' incompatible with readonly export");
            return bitmap;
        }

        throw new QmpException($"Bitmap '{name}' is not found");
    }

    private static IGraphNode? Below(IGraphNode node) =>
        node.Children.FirstOrDefault(edge => (edge.Role & (BlockChildRole.Filtered | BlockChildRole.CopyOnWrite)) != 0)?.Child;
}
