// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vvfat.Folder;

/// <summary>A file or folder of the host, as it was when the disk was made of it.</summary>
/// <param name="Name">Of the host; "" of the folder itself.</param>
/// <param name="Path">Below the folder, with "/".</param>
/// <param name="Children">Of a folder; null: a file.</param>
internal sealed record FolderItem(string Name, string Path, FileIdentity Identity, IReadOnlyList<FolderItem>? Children)
{
    public bool IsFolder => Children is not null;

    public long Size => IsFolder ? 0 : Identity.Size;
}
