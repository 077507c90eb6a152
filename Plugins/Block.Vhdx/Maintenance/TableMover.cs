// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx.Maintenance;

/// <summary>
/// Gives the table of an image more room, at the end of the file, while nothing else uses the image and its log is empty. The
/// new table says what the old one does before the region tables name it, so either of them may be found after a power cut.
/// </summary>
internal sealed class TableMover(VhdxImage image)
{
    private const int CopySize = 1 << 20;

    public async ValueTask MoveAsync(long entries, CancellationToken cancellationToken)
    {
        var length = FileLayout.RoundUp(entries * BlockTable.EntrySize);
        var region = new Region(RegionTable.TableId, image.TakeSpace(length), checked((uint)length), IsRequired: true);
        await CopyAsync(region, cancellationToken).ConfigureAwait(false);
        await image.File.FlushAsync(cancellationToken).ConfigureAwait(false);
        var layout = image.Layout;
        var tables = layout.RegionTable.With(region);
        try
        {
            await WriteAsync(tables, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            await WriteAsync(layout.RegionTable, CancellationToken.None).ConfigureAwait(false);
            throw;
        }

        image.GoOver(layout with
        {
            RegionTable = tables,
            Regions = layout.Regions.With(region),
            Table = layout.Table with { Offset = region.Offset },
        });
    }

    private async ValueTask CopyAsync(Region region, CancellationToken cancellationToken)
    {
        var old = image.Layout.Table;
        var bytes = old.Entries * BlockTable.EntrySize;
        await image.File.WriteZeroesAsync(
            region.Offset, region.Length, ZeroFlags.MayUnmap, cancellationToken).ConfigureAwait(false);
        using var buffer = image.Buffers.Rent(CopySize);
        for (long done = 0; done < bytes; done += CopySize)
        {
            var part = buffer.Memory[..(int)Math.Min(CopySize, bytes - done)];
            await image.File.ReadAsync(old.Offset + done, part, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            await image.File.WriteAsync(region.Offset + done, part, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The second copy first: the first one, which counts, is whole until that is.</summary>
    private async ValueTask WriteAsync(RegionTable tables, CancellationToken cancellationToken)
    {
        foreach (var offset in new[] { FileLayout.SecondRegionTable, FileLayout.FirstRegionTable })
        {
            await image.File.WriteAsync(offset, tables.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
            await image.File.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
