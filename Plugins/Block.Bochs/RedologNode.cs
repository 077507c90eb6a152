// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Formats.Reading;
using BlockHost.Plugins.Block.Bochs.Format;

namespace BlockHost.Plugins.Block.Bochs;

/// <summary>An open redolog: extents with a bitmap each.</summary>
internal sealed class RedologNode(IBlockChild file, RedologHeader header) : ReadOnlyNode(file, header.DiskSize)
{
    private const uint NoExtent = uint.MaxValue;
    private const int MostJoined = 4096;

    private readonly EntryTable<uint> _catalog = new(file, header.CatalogAt, header.CatalogEntries, bigEndian: false);
    private readonly ExtentBitmaps _bitmaps = new(file, header);

    protected override bool IsDifferencing => !header.IsGrowing;

    protected override async ValueTask<BlockRun> FindAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        var (extent, within) = Math.DivRem(offset, header.ExtentBytes);
        var number = await _catalog.GetAsync(extent, cancellationToken).ConfigureAwait(false);
        if (number == NoExtent)
            return new(BlockState.Absent, 0, await CountAbsentAsync(offset, bytes, cancellationToken).ConfigureAwait(false));
        var bitmap = await _bitmaps.GetAsync(number, cancellationToken).ConfigureAwait(false);
        // Part of a sector is as its sector is.
        var (sector, skipped) = Math.DivRem(within, RedologHeader.SectorSize);
        var most = Math.Min(header.ExtentBytes - within, bytes);
        var (isStored, count) = ExtentBitmaps.RunAt(
            bitmap, sector, (skipped + most + RedologHeader.SectorSize - 1) / RedologHeader.SectorSize);
        var length = Math.Min((count * RedologHeader.SectorSize) - skipped, most);
        return isStored
            ? new(BlockState.Stored, header.PlaceOf(number) + header.BitmapRoom + within, length)
            : new(BlockState.Absent, 0, length);
    }

    private async ValueTask<long> CountAbsentAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        var length = header.ExtentBytes - offset % header.ExtentBytes;
        for (var joined = 1; length < bytes && joined < MostJoined; joined++)
        {
            var next = (offset + length) / header.ExtentBytes;
            if (await _catalog.GetAsync(next, cancellationToken).ConfigureAwait(false) != NoExtent)
                break;
            length += header.ExtentBytes;
        }

        return Math.Min(length, bytes);
    }
}
