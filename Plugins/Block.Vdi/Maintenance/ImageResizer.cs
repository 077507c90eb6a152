// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vdi.Format;

namespace BlockHost.Plugins.Block.Vdi.Maintenance;

/// <summary>Changes the length of an image's disk, which QEMU cannot. The node is drained.</summary>
internal sealed class ImageResizer(VdiImage image)
{
    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        length = (length + VdiHeader.SectorSize - 1) / VdiHeader.SectorSize * VdiHeader.SectorSize;
        if (options.Preallocation is not (PreallocationMode.Off or PreallocationMode.Metadata))
            throw new BlockException(BlockErrorKind.NotSupported, "Preallocation mode not supported for vdi");
        if (HeaderChecks.IsTooLarge(length))
            throw HeaderChecks.TooLarge(length);
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (length > image.Length)
            await GrowAsync(length, options.Preallocation, cancellationToken).ConfigureAwait(false);
        else if (length < image.Length)
            await ShrinkAsync(length, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask GrowAsync(long length, PreallocationMode preallocation, CancellationToken cancellationToken)
    {
        // What lies behind the end must not show.
        await DropBehindAsync(cancellationToken).ConfigureAwait(false);
        await LongerDisk.ClearRestAsync(image, cancellationToken).ConfigureAwait(false);
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        var isStored = preallocation != PreallocationMode.Off || image.Header.Type == VdiType.Static;
        await new MapMover(image, isStored).GrowAsync(BlocksFor(length), length, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// The length comes first, in one sector: a shrink is done or not. Where giving back the space fails, no data are lost.
    /// </summary>
    private async ValueTask ShrinkAsync(long length, CancellationToken cancellationToken)
    {
        var next = image.Header.Clone();
        next.DiskSize = (ulong)length;
        await image.ReplaceHeaderAsync(next, cancellationToken).ConfigureAwait(false);
        try
        {
            await GiveBackAsync().ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // The disk has its new length; some space is not back yet.
            image.LeaveGaps();
        }
    }

    private async ValueTask GiveBackAsync()
    {
        await DropBehindAsync(CancellationToken.None).ConfigureAwait(false);
        await new BlockMover(image).CompactAsync(CancellationToken.None).ConfigureAwait(false);
        var next = image.Header.Clone();
        next.Blocks = (uint)BlocksFor(image.Length);
        await image.ReplaceHeaderAsync(next, CancellationToken.None).ConfigureAwait(false);
        var end = image.PlaceOffset(next.Allocated);
        if (image.File.Profile.Growable && image.File.Length > end)
            await image.File.ResizeAsync(end, new ResizeOptions(MayExceed: true)).ConfigureAwait(false);
    }

    /// <summary>The map may have blocks that the disk has not: of a shrink that was interrupted, or another program's.</summary>
    private async ValueTask DropBehindAsync(CancellationToken cancellationToken)
    {
        for (var block = BlocksFor(image.Length); block < image.Header.Blocks; block++)
        {
            var entry = await image.Table.GetAsync(block, cancellationToken).ConfigureAwait(false);
            if (entry == image.EmptyEntry(block))
                continue;
            await image.Table.SetAsync(block, image.EmptyEntry(block), cancellationToken).ConfigureAwait(false);
            image.LeaveGaps();
        }

        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private long BlocksFor(long length) => (length + image.BlockSize - 1) / image.BlockSize;
}
