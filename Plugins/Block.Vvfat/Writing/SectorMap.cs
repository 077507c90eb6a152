// SPDX-License-Identifier: MIT
using System.Numerics;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>A bit for each sector of the disk.</summary>
internal sealed class SectorMap(long sectors)
{
    private const int BitsPerWord = 64;

    public ulong[] Words { get; } = new ulong[(sectors + BitsPerWord - 1) / BitsPerWord];

    public long Sectors => sectors;

    public bool this[long sector] => (Words[sector / BitsPerWord] >> (int)(sector % BitsPerWord) & 1) != 0;

    public void Set(long first, long count)
    {
        for (var sector = first; sector < first + count; sector++)
            Words[sector / BitsPerWord] |= 1UL << (int)(sector % BitsPerWord);
    }

    public void Clear() => Array.Clear(Words);

    public bool Any(long first, long count)
    {
        var sector = first;
        return NextSet(ref sector, first + count);
    }

    /// <summary>Sectors from the first one on that are alike.</summary>
    /// <param name="most">At least 1.</param>
    public (bool IsSet, long Count) RunAt(long first, long most)
    {
        var end = Math.Min(first + most, sectors);
        var isSet = this[first];
        var sector = first;
        if (!isSet)
        {
            NextSet(ref sector, end);
            return (false, sector - first);
        }

        while (sector < end && this[sector])
            sector++;
        return (true, sector - first);
    }

    private bool NextSet(ref long sector, long end)
    {
        while (sector < end)
        {
            var word = Words[sector / BitsPerWord] >> (int)(sector % BitsPerWord);
            if (word != 0)
            {
                sector = Math.Min(sector + BitOperations.TrailingZeroCount(word), end);
                return sector < end;
            }

            sector = (sector / BitsPerWord + 1) * BitsPerWord;
        }

        sector = end;
        return false;
    }
}
