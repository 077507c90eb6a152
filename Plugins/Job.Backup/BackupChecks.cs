// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Copying;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Backup;

/// <summary>Whether a backup can be had as it is asked for, in QEMU's order and words.</summary>
internal static class BackupChecks
{
    /// <returns>The bitmap that is meant, or null.</returns>
    public static IDirtyBitmap? CheckBitmap(BackupRequest request)
    {
        var byBitmap = request.Sync is MirrorSyncMode.Incremental or MirrorSyncMode.Bitmap;
        if (byBitmap && request.Bitmap is null)
            throw new QmpException($"must provide a valid bitmap name for '{NameOf(request.Sync)}' sync mode");
        if (request.Sync == MirrorSyncMode.Incremental && request.BitmapMode is not (null or BitmapSyncMode.OnSuccess))
            throw new QmpException("Bitmap sync mode must be 'on-success' when using sync mode 'incremental'");
        if (request.Bitmap is not { } name)
            return request.BitmapMode is null ? null : throw new QmpException("Cannot specify bitmap sync mode without a bitmap");

        var bitmap = request.Source.DirtyBitmaps.Find(name) ?? throw new QmpException($"Bitmap '{name}' could not be found");
        if (ModeOf(request) is not { } mode)
            throw new QmpException("Bitmap sync mode must be given when providing a bitmap");
        bitmap.RequireUsable(BitmapUse.AllowReadOnly);
        if (request.Sync == MirrorSyncMode.None)
            throw new QmpException("sync mode 'none' does not produce meaningful bitmap outputs");
        if (!byBitmap && mode == BitmapSyncMode.Never)
            throw new QmpException(
                $"Bitmap sync mode 'never' has no meaningful effect when combined with sync mode '{NameOf(request.Sync)}'");
        return bitmap;
    }

    public static BitmapSyncMode? ModeOf(BackupRequest request) =>
        request.Sync == MirrorSyncMode.Incremental ? BitmapSyncMode.OnSuccess : request.BitmapMode;

    public static void CheckNodes(BackupRequest request)
    {
        var (source, target) = (request.Source, request.Target);
        if (source == target)
            throw new QmpException("Source and target cannot be the same");
        if (request.Compress && !target.Driver.SupportsCompressedWrites)
            throw new QmpException("Compression is not supported for this drive ");
        source.CheckOperation(BlockOperations.BackupSource);
        target.CheckOperation(BlockOperations.BackupTarget);
        if (request.MaxWorkers is < 1 or > int.MaxValue)
            throw new QmpException($"max-workers must be between 1 and {int.MaxValue}");
        if (request.MaxChunk is < 0)
            throw new QmpException("max-chunk must be zero (which means no limit) or positive");
        if (source.Length != target.Length)
            throw new QmpException("Source and target image have different sizes");
    }

    /// <summary>Bytes of a cluster of the backup.</summary>
    public static async ValueTask<long> ClusterSizeAsync(BackupRequest request, CancellationToken cancellationToken)
    {
        var cluster = await ClusterCopyOptions.ClusterSizeForAsync(request.Target, cancellationToken).ConfigureAwait(false);
        return request.MaxChunk is > 0 and var chunk && chunk < cluster
            ? throw new QmpException($"Required max-chunk ({chunk}) is less than backup cluster size ({cluster})")
            : cluster;
    }

    private static string NameOf(MirrorSyncMode sync) => sync switch
    {
        MirrorSyncMode.Top => "top",
        MirrorSyncMode.Full => "full",
        MirrorSyncMode.Incremental => "incremental",
        MirrorSyncMode.Bitmap => "bitmap",
        _ => "none",
    };
}
