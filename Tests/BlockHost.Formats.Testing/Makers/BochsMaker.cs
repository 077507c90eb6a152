// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Formats.Testing.Makers;

/// <summary>Makes images as Bochs and its bximage do.</summary>
public static class BochsMaker
{
    public const int Sector = 512;

    /// <param name="content">Of the disk; what is not stored does not matter.</param>
    /// <param name="isStored">Whether a sector is in the image.</param>
    public static MemoryImage Redolog(
        ReadOnlySpan<byte> content, Func<int, bool> isStored, string kind = "Growing", int extent = 16384, uint version = 0x20000)
    {
        var sectors = extent / Sector;
        var catalog = Math.Max((content.Length + extent - 1) / extent, 8);
        var bitmap = Math.Max(sectors / 8, 1);
        var numbers = Enumerable.Repeat(uint.MaxValue, catalog).ToArray();
        var extents = new List<byte[]>();
        // The last extent first, so that extents lie in no order.
        for (var i = (content.Length - 1) / extent; i >= 0; i--)
        {
            var bytes = new byte[(bitmap + Sector - 1) / Sector * Sector + extent];
            for (var sector = 0; sector < sectors; sector++)
            {
                var at = (i * extent) + (sector * Sector);
                if (at >= content.Length || !isStored(at / Sector))
                    continue;
                bytes[sector / 8] |= (byte)(1 << (sector % 8));
                content.Slice(at, Sector).CopyTo(bytes.AsSpan(bytes.Length - extent + (sector * Sector)));
            }

            if (bytes.AsSpan(0, bitmap).IndexOfAnyExcept((byte)0) < 0)
                continue;
            numbers[i] = (uint)extents.Count;
            extents.Add(bytes);
        }

        var image = new MemoryImage(Header(kind, version, numbers.Length, bitmap, extent, content.Length));
        image.Write(Sector, Numbers(numbers));
        var start = Sector + (catalog * sizeof(uint));
        foreach (var (bytes, i) in extents.Select((bytes, i) => (bytes, i)))
            image.Write(start + ((long)i * bytes.Length), bytes);
        return image;
    }

    /// <param name="isStored">Whether a page is in the image.</param>
    public static MemoryImage Sparse(ReadOnlySpan<byte> content, Func<int, bool> isStored, int page = 4096)
    {
        var pages = (content.Length + page - 1) / page;
        var head = new byte[256];
        Span<uint> fields = [0x02468ace, 2, (uint)page, (uint)pages];
        for (var i = 0; i < fields.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(4 * i), fields[i]);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(16), content.Length);
        var image = new MemoryImage(head);
        var start = (256L + (pages * sizeof(uint)) + page - 1) / page * page;
        image.Resize(start);
        var numbers = Enumerable.Repeat(uint.MaxValue, pages).ToArray();
        var stored = 0u;
        for (var i = pages - 1; i >= 0; i--)
        {
            if (!isStored(i))
                continue;
            var bytes = new byte[page];
            content[(i * page)..Math.Min((i + 1) * page, content.Length)].CopyTo(bytes);
            image.Write(start + (stored * (long)page), bytes);
            numbers[i] = stored++;
        }

        image.Write(256, Numbers(numbers));
        return image;
    }

    private static byte[] Header(string kind, uint version, int catalog, int bitmap, int extent, long size)
    {
        var header = new byte[Sector];
        Encoding.ASCII.GetBytes("Bochs Virtual HD Image").CopyTo(header, 0);
        Encoding.ASCII.GetBytes("Redolog").CopyTo(header, 32);
        Encoding.ASCII.GetBytes(kind).CopyTo(header, 48);
        Span<uint> fields = [version, Sector, (uint)catalog, (uint)bitmap, (uint)extent];
        for (var i = 0; i < fields.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(64 + (4 * i)), fields[i]);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(version == 0x10000 ? 84 : 88), size);
        return header;
    }

    private static byte[] Numbers(uint[] numbers)
    {
        var bytes = new byte[numbers.Length * sizeof(uint)];
        for (var i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4 * i), numbers[i]);
        return bytes;
    }
}
