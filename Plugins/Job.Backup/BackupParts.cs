// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Copying;

namespace BlockHost.Plugins.Job.Backup;

/// <summary>What a backup has in the graph beside its nodes.</summary>
/// <param name="Pending">Clusters that the target lacks.</param>
/// <param name="Bitmap">The user's; null where there is none.</param>
/// <param name="Readers">Of a target that shows the source as its backing file.</param>
internal sealed record BackupParts(
    IBlockGraph Graph,
    IGraphNode Filter,
    CopyBeforeWriteNode FilterNode,
    ClusterCopier Copier,
    IDirtyBitmap Pending,
    BackupBitmap? Bitmap,
    IReadTracker? Readers)
{
    /// <summary>Guests write to the source again without any ado.</summary>
    public async ValueTask RemoveAsync()
    {
        FilterNode.SetCopier(null);
        FilterNode.Exclusive = false;
        await Graph.RemoveFilterAsync(Filter, CancellationToken.None).ConfigureAwait(false);
        Pending.Dispose();
        Readers?.Dispose();
    }
}
