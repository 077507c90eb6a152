// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qcow.Format;

namespace BlockHost.Plugins.Block.Qcow.Maintenance;

/// <summary>
/// Gives the disk of an image another length, while its node is drained. A longer top table goes to the end of the file. What is
/// added reads as zeroes before it is there; what is left over from a longer disk is cleared when it gets longer again.
/// </summary>
internal static class ImageResizer
{
    private const int ChunkSize = 1 << 20;

    public static async ValueTask ResizeAsync(
        QcowImage image, long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        length = (length + QcowHeader.SectorSize - 1) / QcowHeader.SectorSize * QcowHeader.SectorSize;
        if (options.Preallocation != PreallocationMode.Off)
            throw new BlockException(
                BlockErrorKind.NotSupported, $"Unsupported preallocation mode '{options.Preallocation.WireName()}'");
        if (length == 0)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Image size is too small, cannot be zero length");
        if (!HeaderChecks.IsDiskSize((ulong)length, image.Header))
            throw new BlockException(BlockErrorKind.InvalidArgument, "Image too large");
        var old = image.Length;
        var next = image.Header with { DiskSize = (ulong)length };
        if (length > old)
        {
            await image.ClearBehindEndAsync(cancellationToken).ConfigureAwait(false);
            await image.FlushAsync(cancellationToken).ConfigureAwait(false);
            if (next.TopEntries > image.Header.TopEntries)
                next = await MoveTopAsync(image, next, cancellationToken).ConfigureAwait(false);
        }

        await image.ChangeTablesAsync(
            next,
            () => LongerDisk.HideBackingAsync(image, old, length, cancellationToken),
            cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask<QcowHeader> MoveTopAsync(
        QcowImage image, QcowHeader next, CancellationToken cancellationToken)
    {
        var (file, old) = (image.File, image.Header);
        var place = image.TakeRoom(next.TopEntries * sizeof(ulong));
        var bytes = old.TopEntries * sizeof(ulong);
        using var buffer = image.Buffers.Rent((int)Math.Min(bytes, ChunkSize));
        for (long done = 0; done < bytes; done += buffer.Memory.Length)
        {
            var part = buffer.Memory[..(int)Math.Min(buffer.Memory.Length, bytes - done)];
            await file.ReadAsync((long)old.TopOffset + done, part, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            await file.WriteAsync(place + done, part, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }

        await file.WriteZeroesAsync(
            place + bytes,
            (next.TopEntries - old.TopEntries) * sizeof(ulong),
            ZeroFlags.None,
            cancellationToken).ConfigureAwait(false);
        return next with { TopOffset = (ulong)place };
    }
}
