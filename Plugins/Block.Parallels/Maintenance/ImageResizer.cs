// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Parallels.Format;

namespace BlockHost.Plugins.Block.Parallels.Maintenance;

/// <summary>
/// Changes the length of an image's disk, which QEMU cannot. The node is drained. The table grows into the room that lies before
/// the first cluster; where that is not enough, the image keeps its length.
/// <code>
///   longer:   entries, zero ─► flush ─► header        shorter:   header ─► flush ─► entries behind the end, zero
/// </code>
/// </summary>
internal sealed class ImageResizer(ParallelsImage image)
{
    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        length = (length + ParallelsHeader.SectorSize - 1) / ParallelsHeader.SectorSize * ParallelsHeader.SectorSize;
        if (image.Backing is not null)
            throw new BlockException(BlockErrorKind.NotSupported, "A Parallels image cannot be resized over a backing file");
        if (options.Preallocation != PreallocationMode.Off)
            throw new BlockException(BlockErrorKind.NotSupported, "Preallocation is not supported for Parallels images");
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (length > image.Length)
            await GrowAsync(length, cancellationToken).ConfigureAwait(false);
        else if (length < image.Length)
            await ShrinkAsync(length, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask GrowAsync(long length, CancellationToken cancellationToken)
    {
        var header = image.Header;
        var entries = BlocksFor(length);
        var tableEnd = ParallelsHeader.Size + entries * ParallelsHeader.EntrySize;
        var fits = entries <= int.MaxValue / ParallelsHeader.EntrySize
            && tableEnd <= await FindFirstAsync(cancellationToken).ConfigureAwait(false);
        if (!fits || (!header.IsNew && length / ParallelsHeader.SectorSize > uint.MaxValue))
            throw new BlockException(BlockErrorKind.NoSpace, "The Parallels image has no room for a longer table", Errno.EFBIG);
        await image.MarkOpenAsync(cancellationToken).ConfigureAwait(false);
        // What lies behind the end must not show.
        await DropBehindAsync(cancellationToken).ConfigureAwait(false);
        var old = image.Length;
        var rest = Math.Min(length, BlocksFor(old) * image.BlockSize) - old;
        if (rest > 0)
            await image.WriteZeroesAsync(old, rest, ZeroFlags.MayUnmap, cancellationToken).ConfigureAwait(false);
        if (entries > header.Entries)
            await image.File.WriteZeroesAsync(
                header.TableEnd, tableEnd - header.TableEnd, ZeroFlags.None, cancellationToken).ConfigureAwait(false);
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        await SetLengthAsync(length, Math.Max(header.Entries, (uint)entries), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// The length comes first, in one sector: a shrink is done or not. Where giving back the space fails, no data are lost.
    /// </summary>
    private async ValueTask ShrinkAsync(long length, CancellationToken cancellationToken)
    {
        await image.MarkOpenAsync(cancellationToken).ConfigureAwait(false);
        await SetLengthAsync(length, image.Header.Entries, cancellationToken).ConfigureAwait(false);
        try
        {
            await DropBehindAsync(CancellationToken.None).ConfigureAwait(false);
            await SetLengthAsync(
                length, (uint)Math.Min(BlocksFor(length), image.Header.Entries), CancellationToken.None).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // The disk has its new length; some space is not back yet.
        }
    }

    private async ValueTask SetLengthAsync(long length, uint entries, CancellationToken cancellationToken)
    {
        var old = image.Header;
        var sectors = (ulong)(length / ParallelsHeader.SectorSize);
        try
        {
            var next = old with
            {
                Sectors = sectors,
                Entries = entries,
                Cylinders = (uint)(sectors / 16 / 32),
                DataSector = DataSectorOf(old),
            };
            await image.WriteHeaderAsync(next, cancellationToken).ConfigureAwait(false);
            await image.File.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            await image.WriteHeaderAsync(old, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Where it is said by the table's length only, another length must not say something else.</summary>
    private static uint DataSectorOf(ParallelsHeader header) => (uint)(header.DataOffset / ParallelsHeader.SectorSize);

    /// <summary>Where the first cluster is, or could be.</summary>
    private async ValueTask<long> FindFirstAsync(CancellationToken cancellationToken)
    {
        var first = image.Header.DataOffset;
        for (long block = 0; block < image.EntriesInFile; block++)
        {
            var run = image.Decode(await image.Table.GetAsync(block, cancellationToken).ConfigureAwait(false));
            if (run.State == BlockHost.Formats.BlockState.Stored)
                first = Math.Min(first, run.Place);
        }

        return first;
    }

    /// <summary>
    /// The table may have clusters that the disk has not: of a shrink that was interrupted, or another program's.
    /// </summary>
    private async ValueTask DropBehindAsync(CancellationToken cancellationToken)
    {
        for (var block = BlocksFor(image.Length); block < image.EntriesInFile; block++)
        {
            if (await image.Table.GetAsync(block, cancellationToken).ConfigureAwait(false) != 0)
                await image.Table.SetAsync(block, 0, cancellationToken).ConfigureAwait(false);
        }

        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        await image.TrimAsync(cancellationToken).ConfigureAwait(false);
    }

    private long BlocksFor(long length) => (length + image.BlockSize - 1) / image.BlockSize;
}
