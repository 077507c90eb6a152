// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Vvfat.Folder;
using BlockHost.Plugins.Block.Vvfat.Layout;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>What a guest that has written nothing yet sees is what the folder holds.</summary>
internal static class FirstState
{
    /// <exception cref="BlockException">A name of the folder cannot come back from the disk as it is.</exception>
    public static StateRecord Of(FolderItem tree, DiskLayout layout, FileDescriptor root, TimeZoneInfo zone)
    {
        using var files = new FolderFiles(item => new(root, item.Path), followLinks: false, comparesChanged: false, _ => { });
        var seen = GuestVolume.Read(layout.Geometry, layout.Reserved, new DiskReader(layout, files).Read, zone);
        var byPath = new Dictionary<string, FolderItem>(StringComparer.Ordinal);
        Collect(tree, byPath);
        var runs = layout.Runs.Select((run, number) => (run.First, number)).ToDictionary(pair => pair.First, pair => pair.number);
        foreach (var item in seen)
        {
            if (!byPath.ContainsKey(item.Path))
                throw new BlockException(
                    BlockErrorKind.InvalidArgument,
                    $"'{item.Path}' is not what the folder calls it: names that differ in case alone cannot be written to");
        }

        return new StateRecord
        {
            Items = [.. seen.Select(item => new ItemRecord(
                item.Path, item.IsFolder, item.Size, item.Chain, byPath[item.Path].Identity.WithoutChanged(),
                item.IsFolder || item.Chain.Count == 0 ? -1 : runs[item.Chain[0].First]))],
            Moved = [],
        };
    }

    private static void Collect(FolderItem folder, Dictionary<string, FolderItem> byPath)
    {
        foreach (var child in folder.Children!)
        {
            byPath[child.Path] = child;
            if (child.IsFolder)
                Collect(child, byPath);
        }
    }
}
