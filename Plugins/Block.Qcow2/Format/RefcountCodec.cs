// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>
/// Entries of a refcount block: 1 to 64 bits wide. Whole bytes are big endian; below a byte, entry 0 sits in the
/// least significant bits.
/// </summary>
internal static class RefcountCodec
{
    public static ulong Read(ReadOnlySpan<byte> block, int index, int order) => order switch
    {
        < 3 => (ulong)(block[index >> (3 - order)] >> Shift(index, order)) & Mask(order),
        3 => block[index],
        4 => BinaryPrimitives.ReadUInt16BigEndian(block[(index * 2)..]),
        5 => BinaryPrimitives.ReadUInt32BigEndian(block[(index * 4)..]),
        _ => BinaryPrimitives.ReadUInt64BigEndian(block[(index * 8)..]),
    };

    public static void Write(Span<byte> block, int index, int order, ulong value)
    {
        switch (order)
        {
            case < 3:
                ref var cell = ref block[index >> (3 - order)];
                var shift = Shift(index, order);
                cell = (byte)((cell & ~((int)Mask(order) << shift)) | ((int)value << shift));
                break;
            case 3:
                block[index] = (byte)value;
                break;
            case 4:
                BinaryPrimitives.WriteUInt16BigEndian(block[(index * 2)..], (ushort)value);
                break;
            case 5:
                BinaryPrimitives.WriteUInt32BigEndian(block[(index * 4)..], (uint)value);
                break;
            default:
                BinaryPrimitives.WriteUInt64BigEndian(block[(index * 8)..], value);
                break;
        }
    }

    /// <summary>The first entry at or after <paramref name="from"/> that is zero, or <paramref name="end"/>.</summary>
    public static int FindFree(ReadOnlySpan<byte> block, int from, int end, int order)
    {
        while (from < end && Read(block, from, order) != 0) from++;
        return from;
    }

    private static int Shift(int index, int order) => (index & ((8 >> order) - 1)) << order;

    private static ulong Mask(int order) => (1UL << (1 << order)) - 1;
}
