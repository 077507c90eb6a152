// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Vvfat.Layout;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>
/// Reads all directories of the guest's disk. Every byte is the guest's: nothing is believed, and one fault is enough to take
/// nothing of it (<see cref="GuestFaultException"/>).
/// </summary>
internal sealed class GuestVolume
{
    private const int MostDepth = 128;
    private const int MostDirectoryBytes = 65536 * FatGeometry.EntrySize;
    private const int MostItems = 1 << 20;

    private readonly FatGeometry _geometry;
    private readonly ReadDisk _read;
    private readonly TimeZoneInfo _zone;
    private readonly ChainTable _chains;
    private readonly List<GuestItem> _items = [];

    private GuestVolume(FatGeometry geometry, ReadDisk read, TimeZoneInfo zone)
    {
        (_geometry, _read, _zone) = (geometry, read, zone);
        _chains = new ChainTable(geometry, read);
    }

    /// <returns>Folders before what they hold.</returns>
    /// <param name="reserved">The reserved sectors that the disk was made with.</param>
    public static IReadOnlyList<GuestItem> Read(FatGeometry geometry, byte[] reserved, ReadDisk read, TimeZoneInfo zone)
    {
        CheckBoot(geometry, reserved, read);
        var volume = new GuestVolume(geometry, read, zone);
        volume.ReadFolder(volume.ReadRoot(), "", isRoot: true, depth: 0);
        return volume._items;
    }

    /// <summary>A guest that has made another file system finds its files in other places.</summary>
    private static void CheckBoot(FatGeometry geometry, byte[] reserved, ReadDisk read)
    {
        var sector = new byte[FatGeometry.SectorSize];
        read(geometry.Start * (long)FatGeometry.SectorSize, sector);
        var fields = BootSectors.GeometryFields(geometry.Bits);
        if (!sector.AsSpan()[fields].SequenceEqual(reserved.AsSpan(0, FatGeometry.SectorSize)[fields]))
            throw new GuestFaultException("the boot sector describes another file system");
    }

    private byte[] ReadRoot()
    {
        if (_geometry.Bits == 32)
            return ReadClusters(_chains.Follow(FatGeometry.FirstCluster, "/"), "/");
        var root = new byte[_geometry.RootEntries * FatGeometry.EntrySize];
        _read(_geometry.RootAt, root);
        return root;
    }

    private byte[] ReadClusters(List<ClusterSpan> chain, string path)
    {
        var length = chain.Sum(span => span.Count * (long)_geometry.ClusterSize);
        if (length > MostDirectoryBytes)
            throw new GuestFaultException($"folder '{path}' is longer than a directory can be");
        var content = new byte[length];
        var at = 0;
        foreach (var span in chain)
        {
            var bytes = (int)(span.Count * _geometry.ClusterSize);
            _read(_geometry.OffsetOf(span.First), content.AsSpan(at, bytes));
            at += bytes;
        }

        return content;
    }

    private void ReadFolder(byte[] content, string path, bool isRoot, int depth)
    {
        if (depth > MostDepth)
            throw new GuestFaultException($"folder '{path}' lies more than {MostDepth} folders deep");
        var names = new HashSet<string>(StringComparer.Ordinal);
        var longName = new LongNameReader();
        for (var at = 0; at < content.Length; at += FatGeometry.EntrySize)
        {
            var entry = content.AsSpan(at, FatGeometry.EntrySize);
            if (entry[0] == 0)
                return;
            if (longName.Take(entry) || (!isRoot && IsDotEntry(entry)))
                continue;
            var name = longName.NameOf(entry);
            if (((FatAttributes)entry[11] & FatAttributes.Volume) != 0)
                continue;
            GuestNames.Check(name, path);
            if (!names.Add(name))
                throw new GuestFaultException($"folder '{path}' has two entries '{name}'");
            ReadItem(entry, path.Length == 0 ? name : $"{path}/{name}", depth);
        }
    }

    private void ReadItem(ReadOnlySpan<byte> entry, string path, int depth)
    {
        if (_items.Count >= MostItems)
            throw new GuestFaultException($"the disk holds more than {MostItems} files and folders");
        var isFolder = ((FatAttributes)entry[11] & FatAttributes.Directory) != 0;
        var high = _geometry.Bits == 32 ? BinaryPrimitives.ReadUInt16LittleEndian(entry[20..]) : 0;
        var first = (uint)(high << 16) | BinaryPrimitives.ReadUInt16LittleEndian(entry[26..]);
        var size = isFolder ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(entry[28..]);
        var chain = _chains.Follow(first, path);
        if (chain.Sum(span => span.Count * (long)_geometry.ClusterSize) < Math.Max(size, isFolder ? 1L : 0L))
            throw new GuestFaultException($"'{path}' has fewer clusters than it needs");
        var modified = FatTime.ToTime(
            BinaryPrimitives.ReadUInt16LittleEndian(entry[24..]), BinaryPrimitives.ReadUInt16LittleEndian(entry[22..]), _zone);
        _items.Add(new GuestItem(path, isFolder, size, chain, modified));
        if (isFolder)
            ReadFolder(ReadClusters(chain, path), path, isRoot: false, depth + 1);
    }

    private static bool IsDotEntry(ReadOnlySpan<byte> entry) =>
        entry[..11].SequenceEqual(".          "u8) || entry[..11].SequenceEqual("..         "u8);
}
