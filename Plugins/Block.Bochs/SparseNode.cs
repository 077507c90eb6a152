// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Formats.Reading;
using BlockHost.Plugins.Block.Bochs.Format;

namespace BlockHost.Plugins.Block.Bochs;

/// <summary>An open image of the mode "sparse": pages anywhere, over the parent that the user gives.</summary>
internal sealed class SparseNode(IBlockChild file, SparseHeader header) : ReadOnlyNode(file, header.DiskSize)
{
    private const uint NoPage = uint.MaxValue;
    private const int MostJoined = 4096;

    private readonly EntryTable<uint> _table = new(file, SparseHeader.Size, header.Pages, bigEndian: false);

    protected override bool IsDifferencing => true;

    protected override async ValueTask<BlockRun> FindAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        var (page, within) = Math.DivRem(offset, header.PageBytes);
        var number = await _table.GetAsync(page, cancellationToken).ConfigureAwait(false);
        var length = header.PageBytes - within;
        for (var joined = 1u; length < bytes && joined < MostJoined; joined++)
        {
            var next = await _table.GetAsync(page + joined, cancellationToken).ConfigureAwait(false);
            if (next != (number == NoPage ? NoPage : number + joined))
                break;
            length += header.PageBytes;
        }

        length = Math.Min(length, bytes);
        return number == NoPage
            ? new(BlockState.Absent, 0, length)
            : new(BlockState.Stored, header.PagesAt + number * (long)header.PageBytes + within, length);
    }
}
