// SPDX-License-Identifier: MIT
using System.Numerics;

namespace BlockHost.Formats;

/// <summary>
/// Which places of a file's data area are in use: a bit each. The lowest free place is taken first. Not safe for several threads.
/// </summary>
public sealed class SpaceMap(long count)
{
    private const int Bits = 64;

    private readonly ulong[] _words = new ulong[(count + Bits - 1) / Bits];
    private long _firstFree;

    public long Used { get; private set; }

    public bool IsUsed(long place) => (_words[place / Bits] >> (int)(place % Bits) & 1) != 0;

    /// <returns>False: it was in use already.</returns>
    public bool Use(long place)
    {
        if (IsUsed(place))
            return false;
        _words[place / Bits] |= 1UL << (int)(place % Bits);
        Used++;
        return true;
    }

    public void Free(long place)
    {
        if (!IsUsed(place))
            return;
        _words[place / Bits] &= ~(1UL << (int)(place % Bits));
        Used--;
        _firstFree = Math.Min(_firstFree, place);
    }

    /// <returns>-1: there is no free place.</returns>
    public long Take()
    {
        for (var word = _firstFree / Bits; word < _words.Length; word++)
        {
            if (_words[word] == ulong.MaxValue)
                continue;
            var place = word * Bits + BitOperations.TrailingZeroCount(~_words[word]);
            if (place >= count)
                break;
            Use(place);
            _firstFree = place + 1;
            return place;
        }

        return -1;
    }

    /// <summary>One past the highest place in use.</summary>
    public long End
    {
        get
        {
            var word = _words.Length - 1;
            while (word >= 0 && _words[word] == 0)
                word--;
            return word < 0 ? 0 : word * (long)Bits + Bits - BitOperations.LeadingZeroCount(_words[word]);
        }
    }
}
