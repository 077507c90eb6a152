// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Vvfat.Folder;

namespace BlockHost.Plugins.Block.Vvfat.Layout;

/// <summary>Gives everything in a folder its names and its clusters.</summary>
internal sealed class LayoutBuilder
{
    private const int MostEntries = 65536;

    private readonly FolderItem _root;
    private readonly byte[] _label;
    private readonly TimeZoneInfo _zone;
    private readonly Dictionary<FolderItem, FatName[]> _names = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<FolderItem, ClusterRun> _places = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<FolderItem, FolderItem> _parents = new(ReferenceEqualityComparer.Instance);
    private readonly List<ClusterRun> _runs = [];
    private uint _next = FatGeometry.FirstCluster;

    private LayoutBuilder(FolderItem root, byte[] label, TimeZoneInfo zone)
    {
        (_root, _label, _zone) = (root, label, zone);
        NameAll(root);
    }

    /// <param name="label">Eleven bytes.</param>
    /// <exception cref="BlockException">The folder does not fit.</exception>
    public static DiskLayout Build(FolderItem root, long fatType, bool isFloppy, byte[] label, TimeZoneInfo zone)
    {
        var builder = new LayoutBuilder(root, label, zone);
        var geometry = GeometryChoice.Choose(fatType, isFloppy, builder.EntriesOf(root), builder.ClustersNeeded);
        return builder.Build(geometry);
    }

    private DiskLayout Build(FatGeometry geometry)
    {
        if (geometry.Bits == 32)
            Place(_root, geometry);
        PlaceChildren(_root, geometry);
        foreach (var run in _runs.Where(run => run.Item.IsFolder))
            run.Directory = ContentOf(run.Item, run, geometry);
        var root = geometry.Bits == 32 ? null : Fill(new DirectoryTable(geometry.RootEntries, _zone), _root);
        return new DiskLayout(geometry, _runs, root, _label);
    }

    private void NameAll(FolderItem folder)
    {
        _names[folder] = NameTable.Of([.. folder.Children!.Select(child => child.Name)]);
        if (EntriesOf(folder) > MostEntries)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"Folder '{folder.Path}' holds more names than a directory of a FAT disk");
        foreach (var child in folder.Children!.Where(child => child.IsFolder))
        {
            _parents[child] = folder;
            NameAll(child);
        }
    }

    /// <summary>With the volume's label in the root, and "." and ".." in other directories.</summary>
    private int EntriesOf(FolderItem folder) =>
        _names[folder].Sum(name => name.Entries) + (ReferenceEquals(folder, _root) ? 1 : 2);

    private long ClustersNeeded(FatGeometry geometry) =>
        (geometry.Bits == 32 ? ClustersOf(_root, geometry) : 0) + ClustersBelow(_root, geometry);

    private long ClustersBelow(FolderItem folder, FatGeometry geometry) =>
        folder.Children!.Sum(child => ClustersOf(child, geometry) + (child.IsFolder ? ClustersBelow(child, geometry) : 0));

    private long ClustersOf(FolderItem item, FatGeometry geometry)
    {
        var bytes = item.IsFolder ? (long)EntriesOf(item) * FatGeometry.EntrySize : item.Size;
        return (bytes + geometry.ClusterSize - 1) / geometry.ClusterSize;
    }

    private void Place(FolderItem item, FatGeometry geometry)
    {
        if (ClustersOf(item, geometry) is var count and > 0)
        {
            var run = new ClusterRun(_next, (uint)count, item);
            _runs.Add(run);
            _places[item] = run;
            _next += run.Count;
        }
    }

    private void PlaceChildren(FolderItem folder, FatGeometry geometry)
    {
        foreach (var child in folder.Children!)
        {
            Place(child, geometry);
            if (child.IsFolder)
                PlaceChildren(child, geometry);
        }
    }

    private byte[] ContentOf(FolderItem folder, ClusterRun run, FatGeometry geometry)
    {
        var table = new DirectoryTable((int)(run.Count * geometry.ClusterSize / FatGeometry.EntrySize), _zone);
        if (!ReferenceEquals(folder, _root))
        {
            table.AddShort(".          "u8, folder, run.First);
            table.AddShort("..         "u8, folder, ParentCluster(folder));
        }

        return Fill(table, folder);
    }

    private byte[] Fill(DirectoryTable table, FolderItem folder)
    {
        if (ReferenceEquals(folder, _root))
            table.AddLabel(_label, folder.Identity.Modified);
        var names = _names[folder];
        for (var i = 0; i < names.Length; i++)
        {
            var child = folder.Children![i];
            table.Add(names[i], child, _places.GetValueOrDefault(child)?.First ?? 0);
        }

        return table.Content;
    }

    /// <summary>The root is 0 there, even where it lies in clusters.</summary>
    private uint ParentCluster(FolderItem folder) =>
        _parents[folder] is var parent && ReferenceEquals(parent, _root) ? 0 : _places[parent].First;
}
