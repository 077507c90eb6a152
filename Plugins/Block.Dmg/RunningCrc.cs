// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Numerics;

namespace BlockHost.Plugins.Block.Dmg;

/// <summary>A CRC-32 (IEEE) over bytes that come piece by piece, of which any number may be zeroes at no cost.</summary>
internal sealed class RunningCrc
{
    private const uint Polynomial = 0xedb88320;
    private const int Bits = 32;

    private uint _state = uint.MaxValue;

    public uint Value => ~_state;

    /// <summary>
    /// The sum of all is the sum so far, moved on by as many zeroes as there are new bytes, and the sum of those from nothing.
    /// </summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        var own = ~Crc32.HashToUInt32(bytes) ^ Advance(uint.MaxValue, bytes.Length);
        _state = Advance(_state, bytes.Length) ^ own;
    }

    public void AddZeroes(long count) => _state = Advance(_state, count);

    public static byte[] BytesOf(uint value)
    {
        var bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    /// <summary>A zero byte is a linear step of the state; so are two, four, … of them, each the last one twice.</summary>
    private static uint Advance(uint state, long zeroes)
    {
        if (zeroes == 0)
            return state;
        Span<uint> step = stackalloc uint[Bits];
        for (var bit = 0; bit < Bits; bit++)
            step[bit] = OneZeroByte(1u << bit);
        while (true)
        {
            if ((zeroes & 1) != 0)
                state = Apply(step, state);
            zeroes >>= 1;
            if (zeroes == 0)
                return state;
            Square(step);
        }
    }

    private static uint OneZeroByte(uint state)
    {
        for (var bit = 0; bit < 8; bit++)
            state = state >> 1 ^ (Polynomial & (uint)-(int)(state & 1));
        return state;
    }

    private static uint Apply(ReadOnlySpan<uint> step, uint state)
    {
        uint result = 0;
        for (; state != 0; state &= state - 1)
            result ^= step[BitOperations.TrailingZeroCount(state)];
        return result;
    }

    private static void Square(Span<uint> step)
    {
        Span<uint> twice = stackalloc uint[Bits];
        for (var bit = 0; bit < Bits; bit++)
            twice[bit] = Apply(step, step[bit]);
        twice.CopyTo(step);
    }
}
