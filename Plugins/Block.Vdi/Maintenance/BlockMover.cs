// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Vdi.Maintenance;

/// <summary>Moves blocks from one place to another, while nothing else uses the image.</summary>
internal sealed class BlockMover(VdiImage image)
{
    private const int CopySize = 1 << 20;

    /// <summary>
    /// Copies a block; its entry changes in memory, and in the file with the next flush, which the copy precedes.
    /// </summary>
    public async ValueTask MoveAsync(long block, long from, long to, CancellationToken cancellationToken)
    {
        if (to < 0)
            throw new BlockException(BlockErrorKind.Corrupt, "The VDI image has no place for another block");
        using var buffer = image.Buffers.Rent((int)Math.Min(image.BlockSize, CopySize));
        for (long done = 0; done < image.BlockSize; done += buffer.Memory.Length)
        {
            await image.File.ReadAsync(
                image.PlaceOffset(from) + done, buffer.Memory, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            await image.File.WriteAsync(
                image.PlaceOffset(to) + done, buffer.Memory, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }

        await image.Table.SetAsync(block, (uint)to, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Fills places that are not in use with the blocks that lie highest, and counts anew: where blocks have no gaps between
    /// them, the count says where the next one goes.
    /// </summary>
    public async ValueTask CompactAsync(CancellationToken cancellationToken)
    {
        var places = await image.FindPlacesAsync(cancellationToken).ConfigureAwait(false);
        var count = places.Used;
        for (long block = 0; places.End > count && block < image.Header.Blocks; block++)
        {
            var place = await image.Table.GetAsync(block, cancellationToken).ConfigureAwait(false);
            if (VdiImage.IsStored(place) && place >= count && place < image.Header.Blocks)
                await MoveAsync(block, place, places.Take(), cancellationToken).ConfigureAwait(false);
        }

        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        var next = image.Header.Clone();
        next.Allocated = (uint)count;
        await image.ReplaceHeaderAsync(next, cancellationToken).ConfigureAwait(false);
    }
}
