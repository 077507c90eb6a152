// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;

namespace BlockHost.Plugins.Job.Backup;

/// <summary>The user's bitmap while a backup works from it or towards it: new writes are marked in a successor.</summary>
internal sealed class BackupBitmap(IFrozenBitmap frozen, BitmapSyncMode mode)
{
    private readonly IDirtyBitmaps _owner = frozen.Bitmap.Node.DirtyBitmaps;

    public void Succeeded()
    {
        if (mode == BitmapSyncMode.Never)
            frozen.Reclaim();
        else
            frozen.Abdicate();
    }

    /// <param name="pending">What has not been copied.</param>
    public void Failed(IDirtyBitmap pending)
    {
        if (mode == BitmapSyncMode.Always)
            frozen.Abdicate().Merge(pending);
        else
            frozen.Reclaim();
    }

    /// <summary>After either: an image that follows its bitmaps follows this as well.</summary>
    public ValueTask CheckpointAsync() => _owner.CheckpointAsync(CancellationToken.None);
}
