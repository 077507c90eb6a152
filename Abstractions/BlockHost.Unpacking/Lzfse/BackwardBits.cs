// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Unpacking.Lzfse;

/// <summary>
/// Bits of a payload from its last byte to its first, in each byte from the highest down. A state machine that was written
/// forwards is read backwards.
/// </summary>
internal ref struct BackwardBits(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _left = bytes.Length;
    private ulong _bits;
    private int _count;

    /// <summary>Takes up to 32 bits, which become the lowest of the result; what is missing counts as zeroes.</summary>
    public uint Take(int count)
    {
        if (_count < count)
            Fill();
        _count -= count;
        if (_count < 0)
        {
            IsShort = true;
            _count = 0;
            return 0;
        }

        return (uint)(_bits >> _count) & (uint)((1UL << count) - 1);
    }

    /// <summary>More was taken than there is.</summary>
    public bool IsShort { get; private set; }

    private void Fill()
    {
        if (_left >= sizeof(uint))
        {
            _left -= sizeof(uint);
            _bits = _bits << 32 | BinaryPrimitives.ReadUInt32LittleEndian(_bytes[_left..]);
            _count += 32;
            return;
        }

        while (_left > 0)
        {
            _bits = _bits << 8 | _bytes[--_left];
            _count += 8;
        }
    }
}
