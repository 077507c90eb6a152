// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qed.Format;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Qed.Maintenance;

/// <summary>Makes the disk of an image longer. The node is drained. What is added reads as zeroes before it is there.</summary>
internal static class ImageResizer
{
    public static async ValueTask ResizeAsync(
        QedImage image, long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        length = (length + QedHeader.SectorSize - 1) / QedHeader.SectorSize * QedHeader.SectorSize;
        if (options.Preallocation != PreallocationMode.Off)
            throw new BlockException(
                BlockErrorKind.NotSupported, $"Unsupported preallocation mode '{options.Preallocation.WireName()}'");
        if (!HeaderChecks.IsDiskSize((ulong)length, image.Header))
            throw new BlockException(BlockErrorKind.InvalidArgument, "Invalid image size specified");
        if (length < image.Length)
            throw new BlockException(BlockErrorKind.NotSupported, "Shrinking images is currently not supported");
        if (length == image.Length)
            return;
        await LongerDisk.ClearRestAsync(image, cancellationToken).ConfigureAwait(false);
        await LongerDisk.HideBackingAsync(image, image.Length, length, cancellationToken).ConfigureAwait(false);
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        var old = image.Header;
        try
        {
            await image.WriteHeaderAsync(old with { DiskSize = (ulong)length }, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // The new one may be in the file all the same.
            await image.WriteHeaderAsync(old, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }
}
