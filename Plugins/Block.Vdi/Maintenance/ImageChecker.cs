// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;

namespace BlockHost.Plugins.Block.Vdi.Maintenance;

/// <summary>
/// Looks at every block: whether its place is one that the image can have, and no other block's; and at how many the header
/// counts. QEMU finds the same in the same words, and mends nothing. Here each block gets a place of its own, with what it reads
/// as.
/// </summary>
internal sealed class ImageChecker(VdiImage image)
{
    private readonly CheckMessages _messages = new();
    private long _wrongBlocks;

    public async ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken)
    {
        var places = new SpaceMap(image.Header.Blocks);
        long counted = 0;
        await image.ScanAsync(
            (block, entry) => counted += Look(places, block, entry) ? 1 : 0, cancellationToken).ConfigureAwait(false);
        var isMiscounted = counted != image.Header.Allocated;
        if (isMiscounted)
            _messages.Add($"ERROR: allocated blocks mismatch, is {counted}, should be {image.Header.Allocated}");
        var found = new ImageCheckResult { Messages = _messages.Lines };
        if ((repair & CheckRepair.Errors) == 0)
            return found with { Corruptions = _wrongBlocks + (isMiscounted ? 1 : 0) };
        if (_wrongBlocks > 0)
            await MendAsync(places, cancellationToken).ConfigureAwait(false);
        if (_wrongBlocks > 0 || isMiscounted)
            await new BlockMover(image).CompactAsync(cancellationToken).ConfigureAwait(false);
        return found with { CorruptionsFixed = _wrongBlocks + (isMiscounted ? 1 : 0) };
    }

    /// <returns>The block is stored in a place that can be.</returns>
    private bool Look(SpaceMap places, long block, uint entry)
    {
        if (!VdiImage.IsStored(entry))
            return false;
        if (entry >= image.Header.Blocks)
        {
            _wrongBlocks++;
            _messages.Add($"ERROR: block index {block} too large, is {entry}");
            return false;
        }

        if (!places.Use(entry))
        {
            _wrongBlocks++;
            _messages.Add($"ERROR: block index {entry} also used by {entry}");
        }

        return true;
    }

    /// <summary>
    /// The first block that a place is in keeps it; the others get copies. What lies beyond the file reads as zeroes, and is
    /// nothing then.
    /// </summary>
    private async ValueTask MendAsync(SpaceMap places, CancellationToken cancellationToken)
    {
        var mover = new BlockMover(image);
        var owned = new SpaceMap(image.Header.Blocks);
        for (long block = 0; block < image.Header.Blocks; block++)
        {
            var entry = await image.Table.GetAsync(block, cancellationToken).ConfigureAwait(false);
            if (!VdiImage.IsStored(entry) || (entry < image.Header.Blocks && owned.Use(entry)))
                continue;
            var isInFile = image.PlaceOffset(entry) < image.File.Length;
            if (isInFile)
                await mover.MoveAsync(block, entry, places.Take(), cancellationToken).ConfigureAwait(false);
            else
                await image.Table.SetAsync(
                    block,
                    image.Header.IsDifferencing ? VdiImage.Zeroes : VdiImage.Nothing,
                    cancellationToken).ConfigureAwait(false);
        }

        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
    }
}
