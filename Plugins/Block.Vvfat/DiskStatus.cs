// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Vvfat.Layout;

namespace BlockHost.Plugins.Block.Vvfat;

/// <summary>Block status of the disk: free clusters and what lies after a file's end are zero.</summary>
internal static class DiskStatus
{
    public static BlockStatus At(DiskLayout layout, long offset, long bytes)
    {
        long length = 0;
        var isZero = IsZero(layout, offset, ref length);
        while (length < bytes)
        {
            long more = 0;
            if (IsZero(layout, offset + length, ref more) != isZero)
                break;
            length += more;
        }

        length = Math.Min(length, bytes);
        var flags = BlockStatusFlags.Allocated | (isZero ? BlockStatusFlags.Zero : BlockStatusFlags.Data);
        return new(length, offset + length >= layout.Geometry.Length ? flags | BlockStatusFlags.Eof : flags);
    }

    /// <summary>A sector that only ends in zeroes is data.</summary>
    private static bool IsZero(DiskLayout layout, long offset, ref long length)
    {
        var extent = layout.Find(offset);
        length = (extent.Length + FatGeometry.SectorSize - 1) / FatGeometry.SectorSize * FatGeometry.SectorSize;
        return extent.Kind == ExtentKind.Zero;
    }
}
