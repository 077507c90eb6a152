// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Vvfat.Folder;

/// <summary>
/// Lists a folder and what lies below it. Left out, and counted by reason: what is neither file nor folder, names that are no
/// text, and links, except those that lead to a file inside the folder. Blocking.
/// </summary>
internal sealed class FolderScanner(FileDescriptor root, bool followLinks)
{
    private const int MostItems = 1 << 20;

    /// <summary>A path of that many folders no guest can use, and recursion ends.</summary>
    private const int MostDepth = 128;

    private int _items;

    /// <summary>What was left out, each with its reason, for the log; the first few.</summary>
    public LeftOut LeftOut { get; } = new();

    /// <exception cref="BlockException">A folder cannot be read, or a file cannot be shown.</exception>
    public FolderItem Scan() => new("", "", FileIdentity.Of(root.Status()), ScanFolder(root, "", 0));

    private List<FolderItem> ScanFolder(FileDescriptor folder, string path, int depth)
    {
        var names = FolderCalls.List(folder, out var unreadable);
        if (unreadable > 0)
            LeftOut.Add($"{path}/", "names that are not UTF-8", unreadable);
        names.Sort(string.CompareOrdinal);
        var items = new List<FolderItem>(names.Count);
        foreach (var name in names)
        {
            if (ScanItem(folder, path, name, depth) is { } item)
                items.Add(item);
        }

        return items;
    }

    private FolderItem? ScanItem(FileDescriptor folder, string parent, string name, int depth)
    {
        var path = parent.Length == 0 ? name : $"{parent}/{name}";
        var status = FolderCalls.TryStatus(folder, name);
        if (status?.Type == FileType.Link)
            status = followLinks ? TargetOf(path) : null;
        switch (status?.Type)
        {
            case FileType.Regular:
                CountItem();
                CheckSize(path, status.Value.Size);
                return new FolderItem(name, path, FileIdentity.Of(status.Value), Children: null);
            case FileType.Directory:
                CountItem();
                return depth < MostDepth
                    ? OpenAndScan(folder, path, name, depth + 1)
                    : throw new BlockException(
                        BlockErrorKind.InvalidArgument, $"Folder '{path}' lies more than {MostDepth} folders deep");
            default:
                LeftOut.Add(path, "what is neither a file nor a folder, or a link that leads elsewhere", 1);
                return null;
        }
    }

    private FolderItem OpenAndScan(FileDescriptor folder, string path, string name, int depth)
    {
        using var opened = FolderCalls.TryOpen(
            folder, name, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, followLinks: false, out var errno)
            ?? throw SystemError.Exception($"Could not read directory '{path}'", errno);
        var children = ScanFolder(opened, path, depth);
        return new FolderItem(name, path, FileIdentity.Of(opened.Status()), children);
    }

    /// <summary>Of a file inside the folder that a link leads to.</summary>
    private FileStatus? TargetOf(string path)
    {
        using var target = FolderCalls.TryOpen(root, path, OpenFlags.PathOnly, 0, followLinks: true, out _);
        var status = target?.Status();
        return status?.Type == FileType.Regular ? status : null;
    }

    private void CountItem()
    {
        if (++_items > MostItems)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"The folder holds more than {MostItems} files and folders");
    }

    private static void CheckSize(string path, long size)
    {
        if (size > uint.MaxValue)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"File '{path}' has {size} bytes, and a file on a FAT disk less than 4 GiB");
    }
}
