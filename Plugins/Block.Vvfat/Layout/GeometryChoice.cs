// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Vvfat.Layout;

/// <summary>
/// Which disks there are: QEMU's four, and larger ones with FAT32 where the folder does not fit on its.
/// </summary>
internal static class GeometryChoice
{
    private const int UsualRootEntries = 512;
    private const int MostRootEntries = 65520;
    private const int SectorsPerEntries = FatGeometry.SectorSize / FatGeometry.EntrySize;
    private const long Kilobytes = 1024 / FatGeometry.SectorSize;
    private const long Gigabytes = Kilobytes << 20;

    /// <param name="fatType">12, 16, 32 or, as the disk asks for, 0.</param>
    /// <param name="rootEntries">That the folder needs.</param>
    /// <param name="clustersNeeded">By the bytes of a cluster, without FAT32's root directory being elsewhere.</param>
    /// <exception cref="BlockException">The folder does not fit.</exception>
    public static FatGeometry Choose(long fatType, bool isFloppy, int rootEntries, Func<FatGeometry, long> clustersNeeded)
    {
        var usual = isFloppy ? Floppy(fatType) : HardDisk(fatType);
        if (usual.Bits != 32)
            usual = usual with { RootEntries = EntriesFor(rootEntries, usual.RootEntries) };
        var geometry = usual.WithClusters();
        if (rootEntries <= MostRootEntries || geometry.Bits == 32)
        {
            if (clustersNeeded(geometry) <= geometry.Clusters)
                return geometry;
            if (geometry.Bits == 32)
                return Larger(clustersNeeded);
        }

        throw geometry.TooSmall();
    }

    private static int EntriesFor(int needed, int usual) =>
        Math.Max(usual, (Math.Min(needed, MostRootEntries) + SectorsPerEntries - 1) / SectorsPerEntries * SectorsPerEntries);

    /// <summary>1.44 MB where FAT12 is asked for, else 2.88.</summary>
    private static FatGeometry Floppy(long fatType)
    {
        var isSmall = fatType == 12;
        var track = isSmall ? 18 : 36;
        return new()
        {
            Bits = fatType == 0 ? 12 : (int)fatType,
            IsFloppy = true,
            Heads = 2,
            SectorsPerTrack = track,
            Start = 0,
            Sectors = (uint)(80 * 2 * track),
            SectorsPerCluster = fatType == 0 ? 2 : 1,
            RootEntries = isSmall ? 224 : 240,
        };
    }

    private static FatGeometry HardDisk(long fatType) => new()
    {
        Bits = fatType == 0 ? 16 : (int)fatType,
        IsFloppy = false,
        Heads = 16,
        SectorsPerTrack = 63,
        Start = 63,
        Sectors = (uint)((fatType == 12 ? 64 : 1024) * 16 * 63) - 63,
        SectorsPerCluster = fatType == 32 ? 8 : 16,
        RootEntries = fatType == 32 ? 0 : UsualRootEntries,
    };

    /// <summary>As much again as a quarter of what the folder holds is free.</summary>
    private static FatGeometry Larger(Func<FatGeometry, long> clustersNeeded)
    {
        var smallest = HardDisk(32) with { Heads = 255 };
        foreach (var (upTo, sectorsPerCluster) in ClusterSizes())
        {
            var form = smallest with { SectorsPerCluster = sectorsPerCluster };
            var needed = clustersNeeded(form);
            // Two tables of four bytes a cluster, and what lies before them.
            var sectors = (needed * sectorsPerCluster) + (needed / 64) + 64;
            sectors = RoundToCylinders(sectors + (sectors / 4) + form.Start, 255 * 63) - form.Start;
            if (sectors <= upTo)
                return (form with { Sectors = (uint)sectors }).WithClusters();
        }

        throw (smallest with { Sectors = uint.MaxValue }).TooSmall();
    }

    /// <summary>Sizes of clusters that Windows takes for volumes up to so many sectors.</summary>
    private static (long UpTo, int SectorsPerCluster)[] ClusterSizes() =>
        [(8 * Gigabytes, 8), (16 * Gigabytes, 16), (32 * Gigabytes, 32), (uint.MaxValue - 63L, 64)];

    private static long RoundToCylinders(long sectors, int cylinder) => (sectors + cylinder - 1) / cylinder * cylinder;
}
