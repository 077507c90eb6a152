// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Iscsi.Protocol;

/// <summary>The digest of headers and data (RFC 7143, section 13.1), sent with its lowest byte first.</summary>
internal struct Crc32C
{
    public const int Length = sizeof(uint);

    private uint _state;

    public Crc32C()
    {
        _state = uint.MaxValue;
    }

    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        var crc = new Crc32C();
        crc.Add(bytes);
        return crc.Value;
    }

    /// <summary>Of data with zeroes behind it, up to whole words.</summary>
    public static uint OfPadded(IoSlice data)
    {
        var crc = new Crc32C();
        foreach (var segment in data)
            crc.Add(segment.Span);
        ReadOnlySpan<byte> padding = [0, 0, 0];
        crc.Add(padding[..Padding.Of(data.Length)]);
        return crc.Value;
    }

    public static void Write(Span<byte> target, uint crc) => BinaryPrimitives.WriteUInt32LittleEndian(target, crc);

    public static uint Read(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadUInt32LittleEndian(source);

    public readonly uint Value => ~_state;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
            _state = BitOperations.Crc32C(_state, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        foreach (var rest in bytes[(words.Length * sizeof(ulong))..])
            _state = BitOperations.Crc32C(_state, rest);
    }
}

/// <summary>Data segments are filled up with zeroes to whole words of four bytes.</summary>
internal static class Padding
{
    public static int Of(long length) => (int)(-length & 3);
}
