// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Unpacking;

/// <summary>What is left of packed bytes.</summary>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _left = bytes;

    public readonly int Left => _left.Length;

    public bool TryRead(out byte value)
    {
        value = 0;
        if (_left.IsEmpty)
            return false;
        value = _left[0];
        _left = _left[1..];
        return true;
    }

    public bool TryReadBig16(out int value)
    {
        value = 0;
        if (!TryTake(sizeof(ushort), out var bytes))
            return false;
        value = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        return true;
    }

    public bool TryReadLittle16(out int value)
    {
        value = 0;
        if (!TryTake(sizeof(ushort), out var bytes))
            return false;
        value = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        return true;
    }

    public bool TryReadLittle32(out uint value)
    {
        value = 0;
        if (!TryTake(sizeof(uint), out var bytes))
            return false;
        value = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        return true;
    }

    public bool TryTake(long count, out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        if (count < 0 || count > _left.Length)
            return false;
        bytes = _left[..(int)count];
        _left = _left[(int)count..];
        return true;
    }
}
