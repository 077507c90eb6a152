// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vdi.Format;

namespace BlockHost.Plugins.Block.Vdi.Maintenance;

/// <summary>
/// Gives the map room for more blocks, while nothing else uses the image. Where it has none left, the blocks in the first places
/// move behind the last one, a longer map is written into those places, and the header goes over to it in one sector:
/// <code>
///   header │ map │ 0 │ 1 │ 2 │          header │ old map │ new map │ 1 │ 2 │ 0 │
///                                                                    0   1   2     places, counted anew
/// </code>
/// A power cut leaves the old image or the new one. In between, an image whose places are all in use has a block outside of them,
/// which is read as any other; a check finds it and puts it back.
/// </summary>
/// <param name="storeNew">The new blocks are stored, as zeroes.</param>
internal sealed class MapMover(VdiImage image, bool storeNew)
{
    private const int ChunkEntries = 1 << 16;

    /// <summary>Bytes of the map of so many blocks, in whole sectors.</summary>
    public static long MapSize(long blocks) =>
        (blocks * sizeof(uint) + VdiHeader.SectorSize - 1) / VdiHeader.SectorSize * VdiHeader.SectorSize;

    /// <summary>Makes the disk longer.</summary>
    public async ValueTask GrowAsync(long blocks, long length, CancellationToken cancellationToken)
    {
        var places = await image.FindPlacesAsync(cancellationToken).ConfigureAwait(false);
        if (places.End > places.Used)
            await new BlockMover(image).CompactAsync(cancellationToken).ConfigureAwait(false);
        var old = image.Header;
        var next = old.Clone();
        (next.DiskSize, next.Blocks, next.Allocated) = ((ulong)length, (uint)Math.Max(blocks, old.Blocks), (uint)places.Used);
        if (old.MapOffset + MapSize(next.Blocks) <= old.DataOffset)
            await ExtendAsync(next, places.Used, cancellationToken).ConfigureAwait(false);
        else if (blocks > old.Blocks)
            await MoveAsync(next, places.Used, cancellationToken).ConfigureAwait(false);
        await image.File.FlushAsync(cancellationToken).ConfigureAwait(false);
        await image.ReplaceHeaderAsync(next, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ExtendAsync(VdiHeader next, long end, CancellationToken cancellationToken)
    {
        await StoreNewAsync(next, end, cancellationToken).ConfigureAwait(false);
        await WriteMapAsync(next, image.Header.Blocks, end, 0, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask MoveAsync(VdiHeader next, long end, CancellationToken cancellationToken)
    {
        var places = (MapSize(next.Blocks) + image.BlockSize - 1) / image.BlockSize;
        var dataOffset = next.DataOffset + places * image.BlockSize;
        if (dataOffset > uint.MaxValue)
            throw new BlockException(
                BlockErrorKind.NotSupported, "The VDI image cannot have a longer map: its data would begin beyond 4 GiB");
        end = await ClearPlacesAsync(places, Math.Max(end, places), cancellationToken).ConfigureAwait(false);
        next.Allocated = (uint)(end - places);
        await StoreNewAsync(next, end, cancellationToken).ConfigureAwait(false);
        (next.MapOffset, next.DataOffset) = (next.DataOffset, (uint)dataOffset);
        await WriteMapAsync(next, 0, end - places, (uint)places, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Moves the blocks in the first places behind all others. Returns the end of the places in use.</summary>
    private async ValueTask<long> ClearPlacesAsync(long count, long end, CancellationToken cancellationToken)
    {
        var mover = new BlockMover(image);
        for (long block = 0; block < image.Header.Blocks; block++)
        {
            var place = await image.Table.GetAsync(block, cancellationToken).ConfigureAwait(false);
            if (place < count)
                await mover.MoveAsync(block, place, end++, cancellationToken).ConfigureAwait(false);
        }

        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        return end;
    }

    /// <param name="end">Of the places in use, as they are counted now.</param>
    private async ValueTask StoreNewAsync(VdiHeader next, long end, CancellationToken cancellationToken)
    {
        var count = storeNew ? next.Blocks - image.Header.Blocks : 0;
        if (count == 0)
            return;
        next.Allocated += count;
        await image.File.WriteZeroesAsync(
            image.PlaceOffset(end), count * image.BlockSize, ZeroFlags.MayUnmap, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Writes the map from one block on: entries there are, less the places that the map takes, and those of new blocks.
    /// </summary>
    /// <param name="end">Where the next new block is stored.</param>
    private async ValueTask WriteMapAsync(VdiHeader next, long first, long end, uint taken, CancellationToken cancellationToken)
    {
        for (; first < next.Blocks; first += ChunkEntries)
        {
            var chunk = new byte[Math.Min(ChunkEntries, next.Blocks - first) * sizeof(uint)];
            for (var at = 0; at < chunk.Length; at += sizeof(uint))
            {
                var block = first + at / sizeof(uint);
                var entry = image.EmptyEntry(block);
                if (block < image.Header.Blocks)
                    entry = await image.Table.GetAsync(block, cancellationToken).ConfigureAwait(false);
                else if (storeNew)
                    entry = (uint)(taken + end++);
                BinaryPrimitives.WriteUInt32LittleEndian(chunk.AsSpan(at), VdiImage.IsStored(entry) ? entry - taken : entry);
            }

            await image.File.WriteAsync(
                next.MapOffset + first * sizeof(uint), chunk, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }
    }
}
