// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Cloop.Format;

namespace BlockHost.Plugins.Block.Cloop;

/// <summary>The index of an image, of which pages are in memory: 16 MiB at most.</summary>
/// <param name="offset">In the file.</param>
internal sealed class BlockIndex(IBlockChild file, IndexForm form, long offset, uint blocks)
{
    private const ulong PlaceMask = (1UL << 60) - 1;
    private const int PackingShift = 60;
    private const long LargestPacked = 128 << 20;

    /// <summary>Sizes are added up from the start of such a part.</summary>
    private const int PartSize = 4096;

    private readonly EntryTable<uint> _short = new(
        file, offset, blocks + 1L, bigEndian: true);

    private readonly EntryTable<ulong> _long = new(
        file, offset, form == IndexForm.Pairs ? blocks * 2L : blocks + 1L, form != IndexForm.LittleEndianOffsets);

    private readonly List<long> _partPlaces = [CloopHeader.Size];

    /// <summary>Bytes of an index of so many blocks.</summary>
    public static long SizeOf(IndexForm form, uint blocks) => form switch
    {
        IndexForm.ShortOffsets => (blocks + 1L) * sizeof(uint),
        IndexForm.Sizes => blocks * (long)sizeof(uint),
        IndexForm.Pairs => blocks * 2L * sizeof(ulong),
        _ => (blocks + 1L) * sizeof(ulong),
    };

    public async ValueTask<PackedBlock> LocateAsync(uint block, CancellationToken cancellationToken)
    {
        switch (form)
        {
            case IndexForm.Sizes:
                return new(
                    await AddUpAsync(block, cancellationToken).ConfigureAwait(false),
                    await _short.GetAsync(block, cancellationToken).ConfigureAwait(false),
                    Packing.Zlib);
            case IndexForm.Pairs:
                var place = await _long.GetAsync(2L * block, cancellationToken).ConfigureAwait(false);
                var size = await _long.GetAsync(2L * block + 1, cancellationToken).ConfigureAwait(false);
                return new((long)place, (long)(size >> 32), Packing.Zlib);
            default:
                var start = await OffsetAsync(block, cancellationToken).ConfigureAwait(false);
                var end = await OffsetAsync(block + 1L, cancellationToken).ConfigureAwait(false);
                var isFlagged = form == IndexForm.FlaggedOffsets;
                return new(
                    PlaceOf(start), PlaceOf(end) - PlaceOf(start), isFlagged ? (Packing)(start >> PackingShift) : Packing.Zlib);
        }
    }

    /// <summary>Looks at all of it, as QEMU does when it opens an image, and in its words.</summary>
    public async ValueTask RequireSoundAsync(CancellationToken cancellationToken)
    {
        if (form == IndexForm.Sizes)
        {
            for (uint first = 0; first < blocks; first += PartSize)
                await AddUpAsync(first, cancellationToken).ConfigureAwait(false);
            if (blocks > 0)
                await AddUpAsync(blocks - 1, cancellationToken).ConfigureAwait(false);
            return;
        }

        ulong before = 0;
        for (long i = 0; i <= blocks && form != IndexForm.Pairs; i++)
        {
            var next = await OffsetAsync(i, cancellationToken).ConfigureAwait(false);
            next = form == IndexForm.FlaggedOffsets ? next & PlaceMask : next;
            if (i > 0 && next < before)
                throw Corrupt($"offsets not monotonically increasing at index {i}, image file is corrupt");
            if (i > 0 && next - before > LargestPacked)
                throw Corrupt($"invalid compressed block size at index {i}, image file is corrupt");
            before = next;
        }

        for (uint i = 0; i < blocks && form == IndexForm.Pairs; i++)
        {
            var block = await LocateAsync(i, cancellationToken).ConfigureAwait(false);
            if (block.Place < 0 || block.Bytes > LargestPacked)
                throw Corrupt($"invalid compressed block size at index {i}, image file is corrupt");
        }
    }

    private static BlockException Corrupt(string problem) => new(BlockErrorKind.InvalidArgument, problem);

    private long PlaceOf(ulong entry) => (long)(form == IndexForm.FlaggedOffsets ? entry & PlaceMask : entry);

    private async ValueTask<ulong> OffsetAsync(long number, CancellationToken cancellationToken) =>
        form == IndexForm.ShortOffsets
            ? await _short.GetAsync(number, cancellationToken).ConfigureAwait(false)
            : await _long.GetAsync(number, cancellationToken).ConfigureAwait(false);

    /// <summary>Called for every part in turn before any request comes.</summary>
    private async ValueTask<long> AddUpAsync(uint block, CancellationToken cancellationToken)
    {
        var part = (int)(block / PartSize);
        while (_partPlaces.Count <= part)
        {
            var place = _partPlaces[^1];
            var first = (_partPlaces.Count - 1L) * PartSize;
            for (var i = 0; i < PartSize; i++)
                place += await SizeAsync(first + i, cancellationToken).ConfigureAwait(false);
            _partPlaces.Add(place);
        }

        var start = _partPlaces[part];
        for (var i = (long)part * PartSize; i < block; i++)
            start += await SizeAsync(i, cancellationToken).ConfigureAwait(false);
        return start;
    }

    private async ValueTask<uint> SizeAsync(long block, CancellationToken cancellationToken)
    {
        var size = await _short.GetAsync(block, cancellationToken).ConfigureAwait(false);
        return size <= LargestPacked
            ? size
            : throw Corrupt($"invalid compressed block size at index {block}, image file is corrupt");
    }
}
