// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qcow.Format;

/// <summary>What of a header can be served. QEMU's order and words.</summary>
internal static class HeaderChecks
{
    private const long MostTopEntries = int.MaxValue / sizeof(ulong);

    public static void RequireReadable(QcowHeader header)
    {
        Require(header.IsKnown, "Image not in qcow format");
        if (header.FileVersion != QcowHeader.Version)
            throw new BlockException(
                BlockErrorKind.NotSupported,
                $"qcow (v1) does not support qcow version {header.FileVersion}" + (header.FileVersion == 2 ? Hint : ""));
        Require(header.DiskSize > 1, "Image size is too small (must be at least 2 bytes)");
        Require(header.ClusterBits is >= 9 and <= 16, "Cluster size must be between 512 and 64k");
        Require(header.TableBits is >= 6 and <= 13, "L2 table size must be between 512 and 64k");
        Require(header.Crypt <= CryptMethod.Aes, "invalid encryption method in qcow header");
        Require(IsDiskSize(header.DiskSize, header), "Image too large");
        var isTop = header.TopOffset >= QcowHeader.Size
            && header.TopOffset <= (ulong)(long.MaxValue - header.TopEntries * sizeof(ulong));
        if (!isTop)
            throw new BlockException(BlockErrorKind.Io, "The top table of the image is at no place of a file");
        Require(header.NameOffset == 0 || header.NameLength <= QcowHeader.LongestName, "Backing file name too long");
        if (header.NameOffset > long.MaxValue - QcowHeader.LongestName)
            throw new BlockException(BlockErrorKind.Io, "The name of the backing file is at no place of a file");
    }

    public static bool IsDiskSize(ulong size, QcowHeader header) =>
        size <= long.MaxValue && header.TopEntriesFor((long)size) <= MostTopEntries;

    private const string Hint = "\nTry the 'qcow2' driver instead.";

    private static void Require(bool holds, string problem)
    {
        if (!holds)
            throw new BlockException(BlockErrorKind.InvalidArgument, problem);
    }
}
