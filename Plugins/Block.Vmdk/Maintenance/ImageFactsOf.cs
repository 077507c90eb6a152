// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Vmdk.Extents;

namespace BlockHost.Plugins.Block.Vmdk.Maintenance;

/// <summary>An image as queries show it.</summary>
internal static class ImageFactsOf
{
    public static ImageInfoSpecificVmdk Specific(VmdkImage image) => new()
    {
        CreateType = image.CreateType,
        Cid = image.ContentId,
        ParentCid = image.ParentContentId,
        Extents = [.. image.Extents.Select(Specific)],
    };

    private static VmdkExtentInfo Specific(VmdkExtent extent) => new()
    {
        Filename = extent.File.FileName,
        Format = extent.Type,
        VirtualSize = extent.Length,
        ClusterSize = extent.GrainSize > 0 ? extent.GrainSize : null,
        Compressed = extent.IsCompressed ? true : null,
    };
}
