// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Vvfat.Folder;
using BlockHost.Plugins.Block.Vvfat.Layout;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>Layouts of disks, and their records in the journal.</summary>
internal static class Layouts
{
    /// <summary>The map of what is written is kept in memory: 16 MiB of it.</summary>
    private const long MostBytes = 64L << 30;
    private const int LabelBytes = 11;

    /// <summary>Reserved ones, two tables and a cluster.</summary>
    private const int LeastSectors = 256;

    public static void RequireWritable(FatGeometry geometry)
    {
        if (geometry.Length > MostBytes)
            throw new BlockException(BlockErrorKind.InvalidArgument, "A folder that is written to can hold at most 64 GiB");
    }

    public static LayoutRecord ToRecord(DiskLayout layout) => new()
    {
        Bits = layout.Geometry.Bits,
        IsFloppy = layout.Geometry.IsFloppy,
        Heads = layout.Geometry.Heads,
        SectorsPerTrack = layout.Geometry.SectorsPerTrack,
        Start = layout.Geometry.Start,
        Sectors = layout.Geometry.Sectors,
        SectorsPerCluster = layout.Geometry.SectorsPerCluster,
        RootEntries = layout.Geometry.RootEntries,
        Label = layout.Label,
        Root = layout.Root,
        Runs = [.. layout.Runs.Select(run => new RunRecord(
            run.First, run.Count, run.Item.Path, run.Item.Identity, run.Directory))],
    };

    /// <returns>Null: nobody has written that.</returns>
    public static DiskLayout? FromRecord(LayoutRecord record)
    {
        if (!IsSound(record))
            return null;
        var geometry = new FatGeometry
        {
            Bits = record.Bits,
            IsFloppy = record.IsFloppy,
            Heads = record.Heads,
            SectorsPerTrack = record.SectorsPerTrack,
            Start = record.Start,
            Sectors = record.Sectors,
            SectorsPerCluster = record.SectorsPerCluster,
            RootEntries = record.RootEntries,
        }.WithClusters();
        RequireWritable(geometry);
        var runs = record.Runs.Select(run => new ClusterRun(run.First, run.Count, ItemOf(run)) { Directory = run.Directory });
        return AreSound(record.Runs, geometry) ? new DiskLayout(geometry, [.. runs], record.Root, record.Label) : null;
    }

    /// <summary>What is to be divided by, multiplied and allocated is within bounds.</summary>
    private static bool IsSound(LayoutRecord record) =>
        record.Bits is 12 or 16 or 32
            && record.Heads > 0 && record.SectorsPerTrack > 0
            && record.SectorsPerCluster is > 0 and <= 128 && int.IsPow2(record.SectorsPerCluster)
            && record.RootEntries is >= 0 and <= ushort.MaxValue
            && record.Root.Length <= record.RootEntries * FatGeometry.EntrySize
            && record.Label.Length == LabelBytes
            && record.Sectors > (record.RootEntries * FatGeometry.EntrySize / FatGeometry.SectorSize) + LeastSectors;

    private static bool AreSound(IReadOnlyList<RunRecord> runs, FatGeometry geometry)
    {
        var next = (long)FatGeometry.FirstCluster;
        foreach (var run in runs)
        {
            if (run.First != next || run.Count == 0 || run.Directory?.Length > run.Count * (long)geometry.ClusterSize)
                return false;
            next += run.Count;
        }

        return next <= geometry.Clusters + FatGeometry.FirstCluster && geometry.OffsetOf((uint)next) <= geometry.Length;
    }

    private static FolderItem ItemOf(RunRecord run) => new(
        run.Path[(run.Path.LastIndexOf('/') + 1)..], run.Path, run.Identity, run.Directory is null ? null : []);
}
