// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Backup.Commands;

/// <summary>
/// The image that drive-backup copies to. What it does not copy is read from its backing file:
/// <code>
///   full, bitmap, incremental    none of the command's
///   top                          the source's backing file, opened once more
///   none                         the source itself, which is written on
/// </code>
/// </summary>
internal static class DriveBackupTarget
{
    private static readonly DriveBackupNodeOptions Sparse = new("unmap", "unmap");

    public static async ValueTask<IImageFile> OpenAsync(
        IPluginHost host, DriveBackupArguments arguments, IGraphNode source, CancellationToken cancellationToken)
    {
        var mode = arguments.Mode ?? NewImageMode.AbsolutePaths;
        var image = await host.Images.OpenAsync(
            new ImageFileOptions
            {
                FileName = arguments.Target,
                Format = arguments.Format ?? (mode == NewImageMode.Existing ? null : source.Driver.FormatName),
                Mode = mode,
                Length = source.Length,
                Backing = BackingOf(arguments.Sync, source),
                NoBacking = arguments.Sync == MirrorSyncMode.None,
                Like = source,
                Options = JsonSerializer.SerializeToElement(Sparse, BackupJson.Default.DriveBackupNodeOptions),
            },
            cancellationToken).ConfigureAwait(false);
        try
        {
            if (arguments.Sync == MirrorSyncMode.None)
                await host.Graph.SetBackingAsync(image.Node, source, cancellationToken).ConfigureAwait(false);
            return image;
        }
        catch
        {
            await image.TakeBackAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static IGraphNode? BackingOf(MirrorSyncMode sync, IGraphNode source) => sync switch
    {
        MirrorSyncMode.Top => source.Backing,
        MirrorSyncMode.None => source,
        _ => null,
    };
}

/// <summary>Options of the target's node: zeroes are not stored.</summary>
internal sealed record DriveBackupNodeOptions(string Discard, string DetectZeroes);
