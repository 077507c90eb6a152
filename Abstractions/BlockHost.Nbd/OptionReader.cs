// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace BlockHost.Nbd;

/// <summary>Reads an option's data; every length in it is hostile. A failed read returns false and leaves the rest.</summary>
public ref struct OptionReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;

    public readonly bool AtEnd => _rest.IsEmpty;

    public bool TryReadUInt16(out int value)
    {
        value = 0;
        if (_rest.Length < 2)
            return false;
        value = BinaryPrimitives.ReadUInt16BigEndian(_rest);
        _rest = _rest[2..];
        return true;
    }

    public bool TryReadUInt32(out uint value)
    {
        value = 0;
        if (_rest.Length < 4)
            return false;
        value = BinaryPrimitives.ReadUInt32BigEndian(_rest);
        _rest = _rest[4..];
        return true;
    }

    /// <summary>A length and that many bytes of text.</summary>
    public bool TryReadString(out string text)
    {
        text = "";
        if (!TryReadUInt32(out var length) || length > (uint)_rest.Length)
            return false;
        text = Encoding.UTF8.GetString(_rest[..(int)length]);
        _rest = _rest[(int)length..];
        return true;
    }
}
