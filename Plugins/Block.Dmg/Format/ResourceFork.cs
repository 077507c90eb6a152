// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Dmg.Format;

/// <summary>
/// The resource fork of older images, big-endian ("Inside Macintosh: More Macintosh Toolbox", resource file format). Only its
/// data are looked at; what is no block table there is another resource.
/// <code>
///    0 offset of the data    4 offset of the map    8 bytes of the data    12 bytes of the map
///   data: bytes (4), a resource; bytes, a resource; …
/// </code>
/// </summary>
internal static class ResourceFork
{
    private const int HeaderSize = 16;

    public static IReadOnlyList<byte[]> TablesOf(ReadOnlySpan<byte> fork)
    {
        var tables = new List<byte[]>();
        if (fork.Length < HeaderSize)
            throw Damaged();
        var at = BinaryPrimitives.ReadUInt32BigEndian(fork);
        var size = BinaryPrimitives.ReadUInt32BigEndian(fork[8..]);
        if (at > fork.Length || size > fork.Length - at)
            throw Damaged();
        var left = fork.Slice((int)at, (int)size);
        while (left.Length >= sizeof(uint))
        {
            var bytes = BinaryPrimitives.ReadUInt32BigEndian(left);
            left = left[sizeof(uint)..];
            if (bytes > left.Length)
                throw Damaged();
            if (BlockTable.IsTable(left[..(int)bytes]))
                tables.Add(left[..(int)bytes].ToArray());
            left = left[(int)bytes..];
        }

        return tables;
    }

    private static BlockException Damaged() =>
        new(BlockErrorKind.InvalidArgument, "The image's resource fork is damaged");
}
