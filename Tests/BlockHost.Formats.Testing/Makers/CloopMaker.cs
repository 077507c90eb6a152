// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Formats.Testing.Makers;

/// <summary>Makes cloop images of every form.</summary>
public static class CloopMaker
{
    public const int HeaderSize = 136;

    /// <summary>As the index has them: how a block is packed, and its bytes.</summary>
    public readonly record struct Block(byte Packing, byte[] Bytes);

    public static List<Block> Pack(byte[] content, int blockSize) =>
        [.. content.Chunk(blockSize).Select(block => new Block(0, Zlib(Whole(block, blockSize))))];

    public static byte[] Whole(byte[] block, int blockSize)
    {
        var whole = new byte[blockSize];
        block.CopyTo(whole, 0);
        return whole;
    }

    public static byte[] Zlib(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var stream = new ZLibStream(packed, CompressionLevel.Fastest))
            stream.Write(content);
        return packed.ToArray();
    }

    /// <param name="form">"0.68", "1.0", "2.0", "3.0", "4.0", "knoppix"; with " last", the header at the end.</param>
    public static MemoryImage Make(List<Block> blocks, int blockSize, string form)
    {
        var isLast = form.EndsWith(" last", StringComparison.Ordinal);
        var version = isLast ? form[..3] : form;
        var counted = version == "3.0" ? uint.MaxValue : (uint)blocks.Count;
        var header = Header(version == "knoppix" ? "1.0" : version, blockSize, counted);
        var indexSize = version switch
        {
            "0.68" => 4 * (blocks.Count + 1),
            "3.0" => 4 * blocks.Count,
            "knoppix" => 16 * blocks.Count,
            _ => 8 * (blocks.Count + 1),
        };
        var start = isLast ? 0 : HeaderSize + (version == "3.0" ? 0 : indexSize);
        var index = Index(blocks, version, start, indexSize);
        var data = blocks.SelectMany(block => block.Bytes).ToArray();
        byte[] all = isLast ? [.. data, .. index, .. header]
            : version == "3.0" ? [.. header, .. data, .. index, .. Big(4), .. Big((uint)blocks.Count)]
            : [.. header, .. index, .. data];
        return new MemoryImage(all);
    }

    private static byte[] Header(string version, int blockSize, uint blocks)
    {
        var header = new byte[HeaderSize];
        const string Script = "modprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\nexit $?\n";
        Encoding.ASCII.GetBytes($"#!/bin/sh\n#V{version} Format\n{Script}").CopyTo(header, 0);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(128), blockSize);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(132), blocks);
        return header;
    }

    private static byte[] Index(List<Block> blocks, string version, long start, int size)
    {
        var index = new byte[size];
        var place = start;
        for (var i = 0; i <= blocks.Count; i++)
        {
            var block = i < blocks.Count ? blocks[i] : new Block(0, []);
            if (version == "0.68")
                BinaryPrimitives.WriteInt32BigEndian(index.AsSpan(4 * i), (int)place);
            else if (version == "1.0")
                BinaryPrimitives.WriteInt64LittleEndian(index.AsSpan(8 * i), place);
            else if (version is "2.0" or "4.0")
                BinaryPrimitives.WriteInt64BigEndian(index.AsSpan(8 * i), place | (long)block.Packing << 60);
            else if (i < blocks.Count && version == "3.0")
                BinaryPrimitives.WriteInt32BigEndian(index.AsSpan(4 * i), block.Bytes.Length);
            else if (i < blocks.Count)
                WritePair(index.AsSpan(16 * i), place, block.Bytes.Length, i);
            place += block.Bytes.Length;
        }

        return index;
    }

    private static void WritePair(Span<byte> entry, long place, int bytes, int number)
    {
        BinaryPrimitives.WriteInt64BigEndian(entry, place);
        BinaryPrimitives.WriteInt32BigEndian(entry[8..], bytes);
        BinaryPrimitives.WriteInt32BigEndian(entry[12..], number);
    }

    private static byte[] Big(uint value) => ReaderExam.BytesOf(value, sizeof(uint), bigEndian: true);
}
