// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>Clusters in a row of a chain.</summary>
internal readonly record struct ClusterSpan(uint First, uint Count);

/// <summary>A file or folder as the guest's directories have it.</summary>
/// <param name="Path">Of the host's names, below the folder.</param>
/// <param name="Size">Of a file; a folder's is 0.</param>
internal sealed record GuestItem(
    string Path, bool IsFolder, uint Size, IReadOnlyList<ClusterSpan> Chain, DateTimeOffset? Modified)
{
    public bool HasContentOf(GuestItem other) => Size == other.Size && Chain.SequenceEqual(other.Chain);
}
