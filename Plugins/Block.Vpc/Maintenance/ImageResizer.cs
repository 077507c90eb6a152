// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vpc.Format;

namespace BlockHost.Plugins.Block.Vpc.Maintenance;

/// <summary>
/// Changes the length of an image's disk, which QEMU cannot. The node is drained. A size that no geometry has makes the image one
/// whose exact size counts.
/// <code>
///   a longer table goes to the end of the file:  table ─► flush ─► header ─► flush ─► footers
/// </code>
/// </summary>
internal static class ImageResizer
{
    private const int ChunkEntries = 1 << 16;

    public static async ValueTask ResizeAsync(
        DiskImage disk, long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        length = DynamicDisk.RoundUp(length);
        if (options.Preallocation != PreallocationMode.Off)
            throw new BlockException(BlockErrorKind.NotSupported, "Preallocation is not supported for VPC images");
        if (length / Footer.SectorSize > Footer.MostSectors)
            throw ImageCreator.TooLarge();
        await disk.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (length == disk.Length)
            return;
        var old = disk is DynamicDisk grown ? grown.Footer : ((FixedDisk)disk).Footer;
        var isExact = old.SaysExactSize || Geometry.For(length / Footer.SectorSize).Sectors != length / Footer.SectorSize;
        var next = old.WithLength(length, isExact);
        if (disk is FixedDisk fixedDisk)
            await fixedDisk.ResizeAsync(length, next, cancellationToken).ConfigureAwait(false);
        else if (length > disk.Length)
            await GrowAsync((DynamicDisk)disk, next, length, cancellationToken).ConfigureAwait(false);
        else
            await ShrinkAsync((DynamicDisk)disk, next, length, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask GrowAsync(DynamicDisk disk, Footer next, long length, CancellationToken cancellationToken)
    {
        // What lies behind the end must not show.
        await DropBehindAsync(disk, cancellationToken).ConfigureAwait(false);
        var old = disk.Length;
        await LongerDisk.ClearRestAsync(disk, cancellationToken).ConfigureAwait(false);
        var entries = BlocksFor(disk, length);
        if (entries > disk.Header.Entries)
            await MoveTableAsync(disk, entries, cancellationToken).ConfigureAwait(false);
        await LongerDisk.HideBackingAsync(disk, old, length, cancellationToken).ConfigureAwait(false);
        await disk.FlushAsync(cancellationToken).ConfigureAwait(false);
        await disk.ReplaceFooterAsync(next, length, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// The length comes first: a shrink is done or not. What is not given back after a failure is so with the next growth.
    /// </summary>
    private static async ValueTask ShrinkAsync(DynamicDisk disk, Footer next, long length, CancellationToken cancellationToken)
    {
        await disk.ReplaceFooterAsync(next, length, cancellationToken).ConfigureAwait(false);
        try
        {
            await DropBehindAsync(disk, CancellationToken.None).ConfigureAwait(false);
            await disk.MoveFooterAsync(CancellationToken.None).ConfigureAwait(false);
            await disk.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            var end = await disk.FindEndAsync(CancellationToken.None).ConfigureAwait(false) + Footer.Size;
            if (disk.File.Profile.Growable && disk.File.Length > end)
                await disk.File.ResizeAsync(
                    end, new ResizeOptions(MayExceed: true), CancellationToken.None).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // The disk has its new length; some space is not back yet.
        }
    }

    private static async ValueTask DropBehindAsync(DynamicDisk disk, CancellationToken cancellationToken)
    {
        for (var block = BlocksFor(disk, disk.Length); block < disk.Header.Entries; block++)
        {
            if (await disk.Table.GetAsync(block, cancellationToken).ConfigureAwait(false) != DynamicDisk.Free)
                await disk.DropAsync(block, cancellationToken).ConfigureAwait(false);
        }

        await disk.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask MoveTableAsync(DynamicDisk disk, long entries, CancellationToken cancellationToken)
    {
        var offset = await disk.FindEndAsync(cancellationToken).ConfigureAwait(false);
        for (long first = 0; first < entries; first += ChunkEntries)
        {
            var chunk = new byte[DynamicDisk.RoundUp(Math.Min(ChunkEntries, entries - first) * sizeof(uint))];
            chunk.AsSpan().Fill(byte.MaxValue);
            for (var at = 0; at < chunk.Length && first + at / sizeof(uint) < disk.Header.Entries; at += sizeof(uint))
            {
                var entry = await disk.Table.GetAsync(first + at / sizeof(uint), cancellationToken).ConfigureAwait(false);
                System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(at), entry);
            }

            await disk.File.WriteAsync(
                offset + first * sizeof(uint), chunk, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }

        await disk.File.FlushAsync(cancellationToken).ConfigureAwait(false);
        await disk.ReplaceHeaderAsync(disk.Header.WithTable(offset, entries), cancellationToken).ConfigureAwait(false);
        await disk.MoveFooterAsync(cancellationToken).ConfigureAwait(false);
    }

    private static long BlocksFor(DynamicDisk disk, long length) => (length + disk.BlockSize - 1) / disk.BlockSize;
}
