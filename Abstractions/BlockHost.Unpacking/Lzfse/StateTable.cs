// SPDX-License-Identifier: MIT
using System.Numerics;

namespace BlockHost.Unpacking.Lzfse;

/// <summary>
/// A machine of finite state entropy: each state stands for a symbol and says how many bits lead to the next state, and from
/// where on. A symbol that occurs f times in n has f states.
/// </summary>
internal readonly struct StateTable
{
    private readonly State[] _states;

    private StateTable(State[] states) => _states = states;

    /// <param name="extraBits">Of a symbol that stands for a range of values: bits that say which.</param>
    /// <param name="bases">The first of these values.</param>
    /// <returns>False: symbols occur more often than there are states.</returns>
    public static bool TryMake(
        ReadOnlySpan<ushort> frequencies,
        int count,
        ReadOnlySpan<byte> extraBits,
        ReadOnlySpan<int> bases,
        out StateTable table)
    {
        var states = new State[count];
        table = new(states);
        var at = 0;
        for (var symbol = 0; symbol < frequencies.Length; symbol++)
        {
            int frequency = frequencies[symbol];
            if (frequency == 0)
                continue;
            if (frequency > count - at)
                return false;
            var bits = BitOperations.LeadingZeroCount((uint)frequency) - BitOperations.LeadingZeroCount((uint)count);
            var longer = (2 * count >> bits) - frequency;
            var extra = extraBits.IsEmpty ? (byte)0 : extraBits[symbol];
            var value = bases.IsEmpty ? symbol : bases[symbol];
            for (var i = 0; i < frequency; i++)
            {
                states[at++] = i < longer
                    ? new((byte)bits, extra, (short)((frequency + i << bits) - count), value)
                    : new((byte)(bits - 1), extra, (short)(i - longer << (bits - 1)), value);
            }
        }

        return true;
    }

    /// <summary>The value of a state, which moves on.</summary>
    public int Next(ref int state, ref BackwardBits bits)
    {
        var entry = _states[state];
        state = entry.Base + (int)bits.Take(entry.Bits);
        return entry.Value;
    }

    /// <summary>The same where symbols stand for ranges: the bits for the value come below those for the next state.</summary>
    public int NextInRange(ref int state, ref BackwardBits bits)
    {
        var entry = _states[state];
        var taken = bits.Take(entry.Bits + entry.ExtraBits);
        state = entry.Base + (int)(taken >> entry.ExtraBits);
        return entry.Value + (int)(taken & ((1u << entry.ExtraBits) - 1));
    }

    /// <param name="Bits">Of the next state.</param>
    /// <param name="Base">The next state where these are zero.</param>
    private readonly record struct State(byte Bits, byte ExtraBits, short Base, int Value);
}
