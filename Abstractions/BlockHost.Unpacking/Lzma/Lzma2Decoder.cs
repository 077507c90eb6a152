// SPDX-License-Identifier: MIT
namespace BlockHost.Unpacking.Lzma;

/// <summary>
/// LZMA2: chunks of LZMA, or of bytes as they are. The content is the dictionary, whatever size the stream asks for.
/// <code>
///   00                                              the end
///   01, 02   size - 1 (16 bits), bytes              as they are; 01 begins a new dictionary
///   1rrsssss ssssssss ssssssss, packed size - 1 (16 bits), properties, LZMA
///            r: 0 goes on, 1 state anew, 2 properties too (only here and with 3 are they there), 3 dictionary too
/// </code>
/// </summary>
internal sealed class Lzma2Decoder
{
    private readonly LzmaDecoder _lzma = new();

    /// <returns>Bytes of the packed ones, up to and with the end; -1: damaged, or more than there is room for.</returns>
    public int Unpack(ReadOnlySpan<byte> packed, Span<byte> content, out int size)
    {
        var source = new ByteReader(packed);
        var dictionary = 0;
        size = 0;
        while (source.TryRead(out var control))
        {
            if (control == 0)
                return packed.Length - source.Left;
            if (control is 1 or >= 0xe0)
                dictionary = size;
            var done = control < 0x80
                ? control <= 2 && TryStored(ref source, content, ref size)
                : TryPacked(ref source, control, content[dictionary..], dictionary, ref size);
            if (!done)
                return -1;
        }

        return -1;
    }

    private static bool TryStored(ref ByteReader source, Span<byte> content, ref int size)
    {
        if (!source.TryReadBig16(out var last) || !source.TryTake(last + 1, out var bytes)
            || bytes.Length > content.Length - size)
            return false;
        bytes.CopyTo(content[size..]);
        size += bytes.Length;
        return true;
    }

    private bool TryPacked(ref ByteReader source, byte control, Span<byte> content, int dictionary, ref int size)
    {
        if (!source.TryReadBig16(out var low) || !source.TryReadBig16(out var packedLow))
            return false;
        var count = ((control & 0x1f) << 16) + low + 1;
        if (control >= 0xc0 && (!source.TryRead(out var properties) || !_lzma.TrySetProperties(properties)))
            return false;
        if (control >= 0xa0)
            _lzma.Reset();
        var at = size - dictionary;
        if (!source.TryTake(packedLow + 1, out var packed) || packed.Length < RangeDecoder.HeaderSize
            || count > content.Length - at || !_lzma.TryUnpack(packed, content, at, at + count))
            return false;
        size += count;
        return true;
    }
}
