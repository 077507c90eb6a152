// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Vvfat.Folder;

namespace BlockHost.Plugins.Block.Vvfat.Layout;

/// <summary>Clusters in a row that a file or a directory takes.</summary>
internal sealed record ClusterRun(uint First, uint Count, FolderItem Item)
{
    /// <summary>A directory's content; null: a file's is read from the host.</summary>
    public byte[]? Directory { get; set; }

    public uint Last => First + Count - 1;
}
