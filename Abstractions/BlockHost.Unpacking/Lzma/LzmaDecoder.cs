// SPDX-License-Identifier: MIT
namespace BlockHost.Unpacking.Lzma;

/// <summary>
/// The machine of the "LZMA specification": literals, matches, and matches at one of the last four distances, by what the last
/// ones were (the state), where they stand, and what lies before. What was unpacked is the dictionary.
/// </summary>
internal sealed class LzmaDecoder
{
    private const int States = 12;
    private const int FirstMatchState = 7;
    private const int MostPositionBits = 4;
    private const int LiteralSize = 0x300;
    private const int SlotBits = 6;
    private const int LengthClasses = 4;
    private const int AlignBits = 4;
    private const int FirstSlotWithBits = 4;
    private const int FirstSlotAligned = 14;
    private const int MostLiteralBits = 4;

    private readonly ushort[] _isMatch = new ushort[States << MostPositionBits];
    private readonly ushort[] _isRepeated = new ushort[States];
    private readonly ushort[] _isNotLast = new ushort[States];
    private readonly ushort[] _isNotSecond = new ushort[States];
    private readonly ushort[] _isNotThird = new ushort[States];
    private readonly ushort[] _isLong = new ushort[States << MostPositionBits];
    private readonly ushort[] _slots = new ushort[LengthClasses << SlotBits];
    private readonly ushort[] _near = new ushort[FirstSlotAligned << SlotBits];
    private readonly ushort[] _align = new ushort[1 << AlignBits];
    private readonly ushort[] _literals = new ushort[LiteralSize << MostLiteralBits];
    private readonly LengthDecoder _length = new();
    private readonly LengthDecoder _repeatedLength = new();

    private int _literalContext;
    private int _literalPositionMask;
    private int _positionMask;
    private int _state;
    private int _last;
    private int _second;
    private int _third;
    private int _fourth;

    /// <summary>Sets lc, lp and pb, as one number: (pb × 5 + lp) × 9 + lc.</summary>
    public bool TrySetProperties(byte properties)
    {
        var (rest, context) = Math.DivRem((int)properties, 9);
        var (position, literalPosition) = Math.DivRem(rest, 5);
        if (position > MostPositionBits || context + literalPosition > MostLiteralBits)
            return false;
        (_literalContext, _literalPositionMask, _positionMask) = (context, (1 << literalPosition) - 1, (1 << position) - 1);
        return true;
    }

    public void Reset()
    {
        foreach (var table in new[]
        {
            _isMatch, _isRepeated, _isNotLast, _isNotSecond, _isNotThird, _isLong, _slots, _near, _align, _literals,
        })
            table.AsSpan().Fill(RangeDecoder.Even);
        _length.Reset();
        _repeatedLength.Reset();
        _state = 0;
        (_last, _second, _third, _fourth) = (1, 1, 1, 1);
    }

    /// <summary>Unpacks until there are so many bytes.</summary>
    /// <param name="content">From where the dictionary begins.</param>
    /// <param name="at">Bytes that are there already.</param>
    public bool TryUnpack(ReadOnlySpan<byte> packed, Span<byte> content, int at, int end)
    {
        var bits = new RangeDecoder(packed);
        while (at < end)
        {
            var position = at & _positionMask;
            if (bits.Take(ref _isMatch[(_state << MostPositionBits) + position]) == 0)
            {
                if (!TryLiteral(ref bits, content, at))
                    return false;
                at++;
                continue;
            }

            var count = bits.Take(ref _isRepeated[_state]) == 0
                ? TakeMatch(ref bits, position)
                : TakeRepeated(ref bits, position);
            var repeated = new ByteWriter(content[..end], at);
            if (bits.IsShort || !repeated.TryRepeat(_last, count))
                return false;
            at += count;
        }

        return !bits.IsShort;
    }

    private bool TryLiteral(ref RangeDecoder bits, Span<byte> content, int at)
    {
        var before = at > 0 ? content[at - 1] : 0;
        var context = ((at & _literalPositionMask) << _literalContext) + (before >> (8 - _literalContext));
        var table = _literals.AsSpan(context * LiteralSize, LiteralSize);
        var symbol = 1;
        if (_state >= FirstMatchState)
        {
            if (_last > at)
                return false;
            int expected = content[at - _last];
            while (symbol < 0x100)
            {
                var match = expected >> 7 & 1;
                expected <<= 1;
                var bit = bits.Take(ref table[((1 + match) << 8) + symbol]);
                symbol = symbol << 1 | bit;
                if (bit != match)
                    break;
            }
        }

        while (symbol < 0x100)
            symbol = symbol << 1 | bits.Take(ref table[symbol]);
        content[at] = (byte)symbol;
        _state = _state < 4 ? 0 : _state < 10 ? _state - 3 : _state - 6;
        return !bits.IsShort;
    }

    private int TakeMatch(ref RangeDecoder bits, int position)
    {
        (_second, _third, _fourth) = (_last, _second, _third);
        var length = _length.Take(ref bits, position);
        _state = _state < FirstMatchState ? 7 : 10;
        _last = TakeDistance(ref bits, Math.Min(length - 2, LengthClasses - 1));
        return length;
    }

    /// <summary>Negative, and so none, where it is larger than any that can be.</summary>
    private int TakeDistance(ref RangeDecoder bits, int lengthClass)
    {
        var slot = bits.TakeTree(_slots.AsSpan(lengthClass << SlotBits, 1 << SlotBits), SlotBits);
        if (slot < FirstSlotWithBits)
            return slot + 1;
        var count = (slot >> 1) - 1;
        var distance = (2u | (uint)slot & 1) << count;
        if (slot < FirstSlotAligned)
            return (int)(distance + (uint)bits.TakeReverseTree(_near.AsSpan(slot << SlotBits, 1 << SlotBits), count)) + 1;
        distance += bits.TakeEven(count - AlignBits) << AlignBits;
        return (int)(distance + (uint)bits.TakeReverseTree(_align, AlignBits) + 1);
    }

    private int TakeRepeated(ref RangeDecoder bits, int position)
    {
        var before = _state;
        _state = before < FirstMatchState ? 8 : 11;
        if (bits.Take(ref _isNotLast[before]) == 0)
        {
            if (bits.Take(ref _isLong[(before << MostPositionBits) + position]) == 0)
            {
                _state = before < FirstMatchState ? 9 : 11;
                return 1;
            }
        }
        else if (bits.Take(ref _isNotSecond[before]) == 0)
        {
            (_last, _second) = (_second, _last);
        }
        else if (bits.Take(ref _isNotThird[before]) == 0)
        {
            (_last, _second, _third) = (_third, _last, _second);
        }
        else
        {
            (_last, _second, _third, _fourth) = (_fourth, _last, _second, _third);
        }

        return _repeatedLength.Take(ref bits, position);
    }
}
