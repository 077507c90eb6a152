// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Vvfat.Layout;

/// <summary>
/// Where what lies on the disk, in sectors of 512 bytes:
/// <code>
///   ┌ MBR ┬ … ┬ reserved ┬ FAT ┬ FAT ┬ root directory ┬ cluster 2 ┬ cluster 3 ┬ …       floppy disks: no MBR
///   0         Start                     FAT12, FAT16
/// </code>
/// The numbers of clusters are such that every system takes the volume for the same type of FAT (Microsoft's FAT32 File System
/// Specification 1.03, "FAT Type Determination"), which QEMU's FAT32 does not see to.
/// </summary>
internal sealed record FatGeometry
{
    public const int SectorSize = 512;
    public const int EntrySize = 32;
    public const int FatCount = 2;
    public const uint FirstCluster = 2;

    public required int Bits { get; init; }

    public required bool IsFloppy { get; init; }

    public required int Heads { get; init; }

    public required int SectorsPerTrack { get; init; }

    /// <summary>Of the partition: 0 on a floppy disk.</summary>
    public required uint Start { get; init; }

    /// <summary>Of the partition.</summary>
    public required uint Sectors { get; init; }

    public required int SectorsPerCluster { get; init; }

    /// <summary>FAT12, FAT16: a multiple of 16; FAT32: 0.</summary>
    public required int RootEntries { get; init; }

    public int Reserved => Bits == 32 ? 32 : 1;

    public int ClusterSize => SectorsPerCluster * SectorSize;

    public uint RootSectors => (uint)(RootEntries * EntrySize / SectorSize);

    public uint FatSectors { get; private init; }

    public uint Clusters { get; private init; }

    public long Length => (Start + (long)Sectors) * SectorSize;

    public long FatAt => (Start + (long)Reserved) * SectorSize;

    public long FatSize => (long)FatSectors * SectorSize;

    public long RootAt => FatAt + (FatCount * FatSize);

    public long ClustersAt => RootAt + ((long)RootSectors * SectorSize);

    public long OffsetOf(uint cluster) => ClustersAt + ((cluster - FirstCluster) * (long)ClusterSize);

    /// <summary>QEMU's words; it counts two thousand sectors to the megabyte.</summary>
    public BlockException TooSmall() => new(
        BlockErrorKind.InvalidArgument,
        string.Create(CultureInfo.InvariantCulture, $"Directory does not fit in FAT{Bits} (capacity {Sectors / 2000.0:F2} MB)"))
    {
        Hint = Bits == 32 ? null : "A disk with fat-type=32 is as large as the folder asks for",
    };

    /// <summary>The size of the table and the number of clusters depend on each other.</summary>
    public FatGeometry WithClusters()
    {
        var rest = Sectors - (uint)Reserved - RootSectors;
        // The table that all of the rest would need is large enough for what it leaves. Whoever reads the disk works the clusters
        // out in the same way.
        var fat = FatSectorsFor(rest / (uint)SectorsPerCluster);
        return this with { FatSectors = fat, Clusters = (rest - (FatCount * fat)) / (uint)SectorsPerCluster };
    }

    private uint FatSectorsFor(uint clusters) =>
        (uint)((((clusters + (ulong)FirstCluster) * (uint)Bits) + (8 * SectorSize) - 1) / (8 * SectorSize));
}
