// SPDX-License-Identifier: MIT
using System.Collections.Immutable;

namespace BlockHost.Plugins.Export.Nbd.Protocol;

/// <summary>
/// The metadata contexts of an export by their ids on the wire: 0 base:allocation, 1 qemu:allocation-depth, and from 2
/// on its dirty bitmaps in their order.
/// </summary>
internal static class MetaContexts
{
    public const uint BaseAllocation = 0;
    public const uint AllocationDepth = 1;
    public const uint FirstBitmap = 2;

    private const string BasePrefix = "base:";
    private const string QemuPrefix = "qemu:";
    private const string BaseAllocationName = "base:allocation";
    private const string AllocationDepthName = "qemu:allocation-depth";
    private const string DirtyBitmapPrefix = "qemu:dirty-bitmap:";

    public static string NameOf(INegotiableExport export, uint context) => context switch
    {
        BaseAllocation => BaseAllocationName,
        AllocationDepth => AllocationDepthName,
        _ => DirtyBitmapPrefix + export.Bitmaps[(int)(context - FirstBitmap)],
    };

    /// <summary>Everything the export offers.</summary>
    public static ImmutableSortedSet<uint> All(INegotiableExport export) =>
        Qemu(export).Add(BaseAllocation);

    /// <summary>The contexts that a query ("namespace:leaf") names; a bare prefix names all of it when listing.</summary>
    public static ImmutableSortedSet<uint> Match(string query, bool listing, INegotiableExport export) => query switch
    {
        BaseAllocationName => [BaseAllocation],
        AllocationDepthName => export.OffersAllocationDepth ? [AllocationDepth] : [],
        BasePrefix => listing ? [BaseAllocation] : [],
        QemuPrefix => listing ? Qemu(export) : [],
        DirtyBitmapPrefix => listing ? Bitmaps(export) : [],
        _ when query.StartsWith(DirtyBitmapPrefix, StringComparison.Ordinal) => Bitmap(export, query[DirtyBitmapPrefix.Length..]),
        _ => [],
    };

    private static ImmutableSortedSet<uint> Qemu(INegotiableExport export) =>
        export.OffersAllocationDepth ? Bitmaps(export).Add(AllocationDepth) : Bitmaps(export);

    private static ImmutableSortedSet<uint> Bitmaps(INegotiableExport export) =>
        [.. Enumerable.Range(0, export.Bitmaps.Count).Select(i => FirstBitmap + (uint)i)];

    private static ImmutableSortedSet<uint> Bitmap(INegotiableExport export, string name)
    {
        for (var i = 0; i < export.Bitmaps.Count; i++)
        {
            if (export.Bitmaps[i] == name)
                return [FirstBitmap + (uint)i];
        }

        return [];
    }
}
