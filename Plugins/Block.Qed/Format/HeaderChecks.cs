// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qed.Format;

/// <summary>What of a header can be served. QEMU's order and words.</summary>
internal static class HeaderChecks
{
    private const int LongestName = 4095;

    public static void RequireReadable(QedHeader header, long fileLength)
    {
        Require(header.IsKnown, "Image not in QED format");
        var unknown = header.Features & ~QedFeatures.All;
        if (unknown != 0)
            throw new BlockException(BlockErrorKind.NotSupported, $"Unsupported QED features: {(ulong)unknown:x}");
        Require(IsClusterSize(header.ClusterSize), "QED cluster size is invalid");
        Require(IsTableSize(header.TableClusters), "QED table size is invalid");
        Require(IsDiskSize(header.DiskSize, header), "QED image size is invalid");
        // Behind the header, and in the file.
        var isTop = header.TopOffset % header.ClusterSize == 0 && header.TopOffset >= (ulong)header.Reserved
            && (UInt128)header.TopOffset + (ulong)header.TableSize <= (ulong)fileLength && header.TopOffset > 0;
        Require(isTop, "QED table offset is invalid");
        if ((header.Features & QedFeatures.Backing) != 0)
            Require(
                (ulong)header.NameOffset + header.NameLength <= (ulong)header.Reserved && header.NameLength <= LongestName,
                "QED backing filename offset is invalid");
    }

    public static bool IsClusterSize(long size) =>
        size is >= QedHeader.SmallestCluster and <= QedHeader.LargestCluster && BitOperations.IsPow2(size);

    public static bool IsTableSize(long clusters) =>
        clusters is >= 1 and <= QedHeader.LargestTable && BitOperations.IsPow2(clusters);

    public static bool IsDiskSize(ulong size, QedHeader header) =>
        size % QedHeader.SectorSize == 0 && size <= long.MaxValue
            && size <= QedHeader.LargestDisk(header.ClusterSize, header.TableClusters);

    private static void Require(bool holds, string problem)
    {
        if (!holds)
            throw new BlockException(BlockErrorKind.InvalidArgument, problem);
    }
}
