// SPDX-License-Identifier: MIT
namespace BlockHost.Unpacking.Lzma;

/// <summary>
/// LZMA's bits: each takes its share of a range by how likely it was, and makes what came more likely ("LZMA specification",
/// range decoder). Bytes beyond the end count as zeroes and are noticed.
/// </summary>
internal ref struct RangeDecoder
{
    public const ushort Even = 1 << (Bits - 1);
    public const int HeaderSize = 5;

    private const int Bits = 11;
    private const int Adaption = 5;
    private const uint Top = 1 << 24;

    private readonly ReadOnlySpan<byte> _packed;
    private int _at;
    private uint _range = uint.MaxValue;
    private uint _code;

    /// <param name="packed">A zero byte and the first four of the number come first.</param>
    public RangeDecoder(ReadOnlySpan<byte> packed)
    {
        _packed = packed;
        for (var i = 0; i < HeaderSize; i++)
            _code = _code << 8 | Next();
    }

    public readonly bool IsShort => _at > _packed.Length;

    public int Take(ref ushort probability)
    {
        var bound = (_range >> Bits) * probability;
        int bit;
        if (_code < bound)
        {
            _range = bound;
            probability += (ushort)((1 << Bits) - probability >> Adaption);
            bit = 0;
        }
        else
        {
            _range -= bound;
            _code -= bound;
            probability -= (ushort)(probability >> Adaption);
            bit = 1;
        }

        if (_range < Top)
            Shift();
        return bit;
    }

    /// <summary>Bits that are as likely as not.</summary>
    public uint TakeEven(int count)
    {
        uint result = 0;
        for (; count > 0; count--)
        {
            _range >>= 1;
            var bit = _code >= _range ? 1u : 0u;
            _code -= _range * bit;
            result = result << 1 | bit;
            if (_range < Top)
                Shift();
        }

        return result;
    }

    /// <summary>A number of so many bits, the highest first.</summary>
    public int TakeTree(Span<ushort> probabilities, int bits)
    {
        var node = 1;
        for (var i = 0; i < bits; i++)
            node = node << 1 | Take(ref probabilities[node]);
        return node - (1 << bits);
    }

    /// <summary>The same, the lowest first.</summary>
    public int TakeReverseTree(Span<ushort> probabilities, int bits)
    {
        var (node, result) = (1, 0);
        for (var i = 0; i < bits; i++)
        {
            var bit = Take(ref probabilities[node]);
            node = node << 1 | bit;
            result |= bit << i;
        }

        return result;
    }

    private void Shift()
    {
        _range <<= 8;
        _code = _code << 8 | Next();
    }

    private byte Next() => _at < _packed.Length ? _packed[_at++] : SkipBeyond();

    private byte SkipBeyond()
    {
        _at = _packed.Length + 1;
        return 0;
    }
}
