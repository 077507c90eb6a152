// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Images.Copying;

internal static class NewImage
{
    /// <summary>
    /// Whether a new image reads as zero before anything is written: one of a format has nothing allocated, and a new
    /// file is a hole, but a device holds what it held.
    /// </summary>
    public static bool ReadsZero(IGraphNode node)
    {
        if (node.Driver.Kind == BlockDriverKind.Protocol)
            return node.Driver.FormatName == "file";
        var data = node.Children.FirstOrDefault(edge => (edge.Role & BlockChildRole.Filtered) != 0
            || ((edge.Role & BlockChildRole.Data) != 0 && (edge.Role & BlockChildRole.Metadata) == 0));
        return data is null || ReadsZero(data.Child);
    }
}
