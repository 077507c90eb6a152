// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Formats;

/// <summary>Writes into blocks that are not stored yet.</summary>
public abstract partial class MappedDisk<TEntry>
{
    /// <summary>Whole blocks that are not stored get their places at once, without <see cref="StoreAsync"/>.</summary>
    protected virtual bool StoresTogether => true;

    /// <summary>
    /// Makes a block stored whose part from an offset of the disk is the source; the rest reads as before. The block is held.
    /// </summary>
    protected virtual async ValueTask StoreAsync(
        long offset, IoSlice source, BlockRun before, CancellationToken cancellationToken)
    {
        var place = await TakeAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await FillAsync(place, offset, source, before, cancellationToken).ConfigureAwait(false);
            await Table.SetAsync(IndexOf(offset / blockSize), Encode(place), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            GiveBack(place);
            throw;
        }
    }

    /// <summary>Copies bytes of the backing file into this one.</summary>
    protected async ValueTask CopyUpAsync(long offset, long place, long bytes, CancellationToken cancellationToken)
    {
        bytes = Math.Min(bytes, Length - offset);
        if (bytes <= 0)
            return;
        using var buffer = buffers.Rent((int)Math.Min(bytes, CopySize));
        for (long done = 0; done < bytes; done += buffer.Memory.Length)
        {
            var part = buffer.Memory[..(int)Math.Min(buffer.Memory.Length, bytes - done)];
            await ReadBackingAsync(Backing!, offset + done, part, cancellationToken).ConfigureAwait(false);
            await WriteDataAsync(
                BlkdebugEvent.CowWrite, offset + done, place + done, part, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask WritePartsAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        for (long done = 0; done < source.Length;)
        {
            var run = await FindAsync(offset + done, source.Length - done, cancellationToken).ConfigureAwait(false);
            var within = (offset + done) % blockSize;
            var whole = StoresTogether && within == 0 ? run.Bytes / blockSize * blockSize : 0;
            var bytes = run.State == BlockState.Stored ? run.Bytes
                : whole > blockSize ? whole
                : Math.Min(source.Length - done, blockSize - within);
            var part = source.Slice(done, bytes);
            if (run.State == BlockState.Stored)
                await WriteDataAsync(
                    BlkdebugEvent.WriteAio, offset + done, run.Place, part, cancellationToken).ConfigureAwait(false);
            else if (whole > blockSize)
                await WriteNewBlocksAsync(offset + done, part, cancellationToken).ConfigureAwait(false);
            else
                await WriteNewAsync(offset + done, part, cancellationToken).ConfigureAwait(false);
            done += bytes;
        }

        if (Table.IsFull)
            await FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes whole blocks, which were not stored a moment ago.</summary>
    private async ValueTask WriteNewBlocksAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(offset / blockSize, source.Length / blockSize).ConfigureAwait(false);
        for (long done = 0; done < source.Length;)
        {
            // Somebody may have been here first.
            var run = await FindAsync(offset + done, source.Length - done, cancellationToken).ConfigureAwait(false);
            var part = source.Slice(done, run.Bytes);
            if (run.State == BlockState.Stored)
                await WriteDataAsync(
                    BlkdebugEvent.WriteAio, offset + done, run.Place, part, cancellationToken).ConfigureAwait(false);
            else
                await StoreWholeAsync(offset + done, part, cancellationToken).ConfigureAwait(false);
            done += run.Bytes;
        }
    }

    /// <summary>Stores whole blocks; those whose places follow each other are one write. The blocks are held.</summary>
    private async ValueTask StoreWholeAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        var places = new long[source.Length / blockSize];
        var (taken, stored) = (0, 0);
        try
        {
            for (; taken < places.Length; taken++)
                places[taken] = await TakeAsync(cancellationToken).ConfigureAwait(false);
            while (stored < places.Length)
            {
                var end = EndOfRun(places, stored);
                var part = source.Slice(stored * blockSize, (end - stored) * blockSize);
                await WriteDataAsync(
                    BlkdebugEvent.WriteAio,
                    offset + stored * blockSize,
                    places[stored],
                    part,
                    cancellationToken).ConfigureAwait(false);
                for (; stored < end; stored++)
                    await Table.SetAsync(
                        IndexOf(offset / blockSize + stored), Encode(places[stored]), cancellationToken).ConfigureAwait(false);
            }
        }
        catch
        {
            while (taken > stored)
                GiveBack(places[--taken]);
            throw;
        }
    }

    private int EndOfRun(long[] places, int first)
    {
        var end = first + 1;
        while (end < places.Length && places[end] == places[end - 1] + blockSize)
            end++;
        return end;
    }

    /// <summary>Writes into one block, not all of which is stored.</summary>
    private async ValueTask WriteNewAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(offset / blockSize, 1).ConfigureAwait(false);
        // Somebody may have been here first.
        var run = await FindAsync(offset, source.Length, cancellationToken).ConfigureAwait(false);
        if (run.State == BlockState.Stored && run.Bytes == source.Length)
            await WriteDataAsync(BlkdebugEvent.WriteAio, offset, run.Place, source, cancellationToken).ConfigureAwait(false);
        else
            await StoreAsync(offset, source, run, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A new block. What lay in its place before, left by a power cut, must not show.</summary>
    private async ValueTask FillAsync(
        long place, long offset, IoSlice source, BlockRun before, CancellationToken cancellationToken)
    {
        if (Cipher is not null && source.Length < blockSize)
        {
            await FillEncryptedAsync(place, offset, source, before, cancellationToken).ConfigureAwait(false);
            return;
        }

        var within = offset % blockSize;
        var end = within + source.Length;
        if (source.Length < blockSize && before.State == BlockState.Packed)
            await UnpackAsync(place, offset - within, before, cancellationToken).ConfigureAwait(false);
        else if (source.Length < blockSize && !IsClean(place))
            await File.WriteZeroesAsync(place, blockSize, ZeroFlags.MayUnmap, cancellationToken).ConfigureAwait(false);
        if (Backing is not null && before.State == BlockState.Absent)
        {
            await CopyUpAsync(offset - within, place, within, cancellationToken).ConfigureAwait(false);
            await CopyUpAsync(offset + source.Length, place + end, blockSize - end, cancellationToken).ConfigureAwait(false);
        }

        await WriteDataAsync(BlkdebugEvent.WriteAio, offset, place + within, source, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The whole block at once: what is around the source is encrypted as well, zeroes included.</summary>
    private async ValueTask FillEncryptedAsync(
        long place, long offset, IoSlice source, BlockRun before, CancellationToken cancellationToken)
    {
        var start = offset / blockSize * blockSize;
        using var buffer = buffers.Rent((int)blockSize);
        var block = buffer.Memory[..(int)blockSize];
        block.Span.Clear();
        if (before.State == BlockState.Packed)
            await ReadPackedAsync(start, before, block, cancellationToken).ConfigureAwait(false);
        else if (before.State == BlockState.Absent && Backing is { } backing && start < Length)
            await ReadBackingAsync(
                backing, start, block[..(int)Math.Min(blockSize, Length - start)], cancellationToken).ConfigureAwait(false);
        source.CopyTo(block.Span[(int)(offset - start)..]);
        await WriteDataAsync(BlkdebugEvent.WriteAio, start, place, block, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The block as it was, in its new place.</summary>
    private async ValueTask UnpackAsync(long place, long offset, BlockRun before, CancellationToken cancellationToken)
    {
        using var buffer = buffers.Rent((int)blockSize);
        await ReadPackedAsync(offset, before, buffer.Memory, cancellationToken).ConfigureAwait(false);
        await File.WriteAsync(place, buffer.Memory, WriteFlags.None, cancellationToken).ConfigureAwait(false);
    }
}
