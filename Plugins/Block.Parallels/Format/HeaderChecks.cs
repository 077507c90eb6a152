// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Parallels.Format;

/// <summary>What of a header can be served. QEMU's order and words, where it has any.</summary>
internal static class HeaderChecks
{
    private const long MostSectors = long.MaxValue / ParallelsHeader.SectorSize;

    public static void RequireReadable(ParallelsHeader header, string fileName)
    {
        Require(header.IsKnown, "Image not in Parallels format");
        Require(header.ClusterSectors > 0, "Invalid image: Zero sectors per track");
        Require(header.ClusterSectors <= ParallelsHeader.LargestCluster, "Invalid image: Too big cluster", Errno.EFBIG);
        Require(header.Entries <= int.MaxValue / ParallelsHeader.EntrySize, "Catalog too large", Errno.EFBIG);
        Require(header.TableEnd <= int.MaxValue, $"Could not open '{fileName}': Input/output error", Errno.EIO);
        Require(header.Sectors <= MostSectors, $"Could not open '{fileName}': File too large", Errno.EFBIG);
    }

    /// <summary>
    /// Whoever wrote last did not come to an end: what the table says may be wrong, and is for a check to look at.
    /// </summary>
    public static void RequireClosed(ParallelsHeader header)
    {
        if (header.InUse == ParallelsHeader.OpenMark)
            throw new BlockException(
                BlockErrorKind.ReadOnly, "parallels: Image was not closed correctly; cannot be opened read/write");
    }

    private static void Require(bool holds, string problem, int errno = Errno.EINVAL)
    {
        if (!holds)
            throw new BlockException(BlockErrorKind.InvalidArgument, problem, errno);
    }
}
