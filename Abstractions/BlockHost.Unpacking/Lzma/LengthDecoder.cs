// SPDX-License-Identifier: MIT
namespace BlockHost.Unpacking.Lzma;

/// <summary>Lengths of matches, from 2 on: 8 short ones, 8 more, and 256, the first two by the position.</summary>
internal sealed class LengthDecoder
{
    private const int Shortest = 2;
    private const int Positions = 16;
    private const int ShortBits = 3;
    private const int LongBits = 8;
    private const int Short = 1 << ShortBits;

    private readonly ushort[] _choices = new ushort[2];
    private readonly ushort[] _low = new ushort[Positions * Short];
    private readonly ushort[] _middle = new ushort[Positions * Short];
    private readonly ushort[] _high = new ushort[1 << LongBits];

    public void Reset()
    {
        foreach (var table in new[] { _choices, _low, _middle, _high })
            table.AsSpan().Fill(RangeDecoder.Even);
    }

    public int Take(ref RangeDecoder bits, int position)
    {
        if (bits.Take(ref _choices[0]) == 0)
            return Shortest + bits.TakeTree(_low.AsSpan(position * Short, Short), ShortBits);
        return bits.Take(ref _choices[1]) == 0
            ? Shortest + Short + bits.TakeTree(_middle.AsSpan(position * Short, Short), ShortBits)
            : Shortest + 2 * Short + bits.TakeTree(_high, LongBits);
    }
}
