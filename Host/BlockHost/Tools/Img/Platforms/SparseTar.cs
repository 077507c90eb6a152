// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace BlockHost.Tools.Img.Platforms;

/// <summary>A part of a file that is not a hole.</summary>
internal readonly record struct TarExtent(long Offset, long Length);

/// <summary>
/// The headers of a file with holes in GNU tar's old format ("oldgnu", GNU tar's manual, "Basic Tar Format"):
/// <code>
///   0 name   124 size of what is stored   148 checksum   156 'S'   257 "ustar  "   386 four extents   482 more   483 real size
///   then, while there are more:  21 extents   504 more
/// </code>
/// An extent is an offset and a length of 12 bytes each: octal digits, or, for large numbers, 0x80 and a big-endian number.
/// </summary>
internal static class SparseTar
{
    public const int BlockSize = 512;

    private const int NumberSize = 12;
    private const int ExtentsInHeader = 4;
    private const int ExtentsInBlock = 21;
    private const int LongestOctal = 11;
    private const long LargestOctal = 1L << (3 * LongestOctal);

    /// <param name="extents">In order; the last one ends at the file's end, if need be with no bytes.</param>
    public static byte[] Headers(string name, long length, DateTimeOffset time, IReadOnlyList<TarExtent> extents)
    {
        var more = Math.Max(0, extents.Count - ExtentsInHeader);
        var bytes = new byte[BlockSize * (1 + (more + ExtentsInBlock - 1) / ExtentsInBlock)];
        var header = bytes.AsSpan(0, BlockSize);
        Encoding.UTF8.GetBytes(name).CopyTo(header);
        "0000644\0"u8.CopyTo(header[100..]);
        "0000000\0"u8.CopyTo(header[108..]);
        "0000000\0"u8.CopyTo(header[116..]);
        WriteNumber(header[124..], extents.Sum(extent => extent.Length));
        WriteNumber(header[136..], time.ToUnixTimeSeconds());
        header[156] = (byte)'S';
        "ustar  \0"u8.CopyTo(header[257..]);
        WriteNumber(header[483..], length);
        var taken = WriteExtents(header[386..], extents, 0, ExtentsInHeader);
        header[482] = IsMore(taken);
        for (var at = BlockSize; at < bytes.Length; at += BlockSize)
        {
            taken = WriteExtents(bytes.AsSpan(at), extents, taken, ExtentsInBlock);
            bytes[at + 504] = IsMore(taken);
        }

        WriteChecksum(header);
        return bytes;

        byte IsMore(int done) => done < extents.Count ? (byte)1 : (byte)0;
    }

    private static int WriteExtents(Span<byte> target, IReadOnlyList<TarExtent> extents, int first, int most)
    {
        var end = Math.Min(extents.Count, first + most);
        for (var i = first; i < end; i++)
        {
            var at = (i - first) * 2 * NumberSize;
            WriteNumber(target[at..], extents[i].Offset);
            WriteNumber(target[(at + NumberSize)..], extents[i].Length);
        }

        return end;
    }

    private static void WriteNumber(Span<byte> target, long number)
    {
        if (number < LargestOctal)
        {
            var digits = Convert.ToString(number, 8).PadLeft(LongestOctal, '0');
            Encoding.ASCII.GetBytes(digits, target);
            return;
        }

        target[0] = 0x80;
        BinaryPrimitives.WriteInt64BigEndian(target[(NumberSize - sizeof(long))..], number);
    }

    /// <summary>The sum of all bytes, the checksum's own counting as blanks.</summary>
    private static void WriteChecksum(Span<byte> header)
    {
        header.Slice(148, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var value in header)
            sum += value;
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0'), header[148..]);
        header[154] = 0;
    }
}
