// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Vvfat.Folder;

namespace BlockHost.Plugins.Block.Vvfat.Layout;

internal enum ExtentKind
{
    Zero,

    /// <summary>In memory.</summary>
    Bytes,

    /// <summary>Of the file allocation table.</summary>
    Table,

    /// <summary>Of a file of the host.</summary>
    File,
}

/// <summary>Part of the disk that comes from one place.</summary>
/// <param name="At">Offset in bytes, file or table.</param>
internal readonly record struct Extent(ExtentKind Kind, long Length, long At = 0, byte[]? Bytes = null, FolderItem? File = null);

/// <summary>What lies at each byte of the disk. It does not change.</summary>
internal sealed class DiskLayout
{
    private readonly FatTable _table;
    private readonly uint _used;

    /// <param name="runs">In the order of their clusters, which have no gaps.</param>
    /// <param name="root">The root directory, where it does not lie in clusters.</param>
    public DiskLayout(FatGeometry geometry, IReadOnlyList<ClusterRun> runs, byte[]? root, byte[] label)
    {
        var boot = new BootSectors(geometry, label);
        _used = runs.Count == 0 ? 0 : runs[^1].Last + 1 - FatGeometry.FirstCluster;
        (Geometry, Runs, Root, Label) = (geometry, runs, root ?? [], label);
        _table = new FatTable(geometry, runs, boot.Media);
        MasterBootRecord = geometry.Start > 0 ? boot.MasterBootRecord() : [];
        Reserved = boot.Reserved(_used);
    }

    public FatGeometry Geometry { get; }

    public IReadOnlyList<ClusterRun> Runs { get; }

    public byte[] Label { get; }

    public byte[] MasterBootRecord { get; }

    public byte[] Reserved { get; }

    /// <summary>Empty with FAT32.</summary>
    public byte[] Root { get; }

    public void ReadTable(long offset, Span<byte> target) => _table.Read(offset, target);

    /// <summary>What is at the offset, and how far.</summary>
    public Extent Find(long offset)
    {
        var bootAt = Geometry.Start * (long)FatGeometry.SectorSize;
        if (offset < bootAt)
            return InBytes(MasterBootRecord, offset, bootAt);
        if (offset < Geometry.FatAt)
            return InBytes(Reserved, offset - bootAt, Reserved.Length);
        if (offset < Geometry.RootAt)
            return InTable((offset - Geometry.FatAt) % Geometry.FatSize);
        return offset < Geometry.ClustersAt ? InBytes(Root, offset - Geometry.RootAt, Root.Length) : InClusters(offset);
    }

    private static Extent InBytes(byte[] bytes, long at, long end) =>
        at < bytes.Length
            ? new(ExtentKind.Bytes, bytes.Length - at, at, bytes)
            : new(ExtentKind.Zero, end - at);

    private Extent InTable(long at)
    {
        var used = ((_used + FatGeometry.FirstCluster) * (long)Geometry.Bits + 7) / 8;
        used = (used + FatGeometry.SectorSize - 1) / FatGeometry.SectorSize * FatGeometry.SectorSize;
        return at < used ? new(ExtentKind.Table, used - at, at) : new(ExtentKind.Zero, Geometry.FatSize - at);
    }

    private Extent InClusters(long offset)
    {
        var cluster = (uint)((offset - Geometry.ClustersAt) / Geometry.ClusterSize) + FatGeometry.FirstCluster;
        if (_table.RunOf(cluster) is not { } run)
            return new(ExtentKind.Zero, Geometry.Length - offset);
        var at = offset - Geometry.OffsetOf(run.First);
        var length = run.Count * (long)Geometry.ClusterSize;
        if (run.Directory is { } directory)
            return InBytes(directory, at, length);
        return at < run.Item.Size
            ? new(ExtentKind.File, run.Item.Size - at, at, File: run.Item)
            : new(ExtentKind.Zero, length - at);
    }
}
