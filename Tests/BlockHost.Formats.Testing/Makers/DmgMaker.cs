// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Formats.Testing.Makers;

/// <summary>Makes UDIF images.</summary>
public static class DmgMaker
{
    public const int Sector = 512;
    public const uint Zero = 0;
    public const uint Raw = 1;
    public const uint Ignore = 2;
    public const uint Comment = 0x7ffffffe;
    public const uint Adc = 0x80000004;
    public const uint Zlib = 0x80000005;
    public const uint Bzip2 = 0x80000006;
    public const uint Lzfse = 0x80000007;
    public const uint Xz = 0x80000008;

    private const uint End = 0xffffffff;

    /// <param name="Content">What it stands for, in whole sectors.</param>
    /// <param name="Stored">As it lies in the file.</param>
    public sealed record Chunk(uint Kind, byte[] Content, byte[] Stored)
    {
        public static Chunk Zeroes(uint kind, int bytes) => new(kind, new byte[bytes], []);

        public static Chunk AsIs(byte[] content) => new(Raw, content, content);
    }

    /// <param name="FirstSector">Of the disk.</param>
    public sealed record Table(long FirstSector, IReadOnlyList<Chunk> Chunks);

    /// <param name="fork">The tables are in a resource fork and not in a property list.</param>
    /// <param name="sectors">Of the disk; 0: up to the last chunk.</param>
    public static MemoryImage Make(IReadOnlyList<Table> tables, bool fork = false, long sectors = 0)
    {
        var data = new MemoryStream();
        List<byte[]> blocks = [.. tables.Select(table => BlockTable(table, data))];
        var dataCrc = Crc32.HashToUInt32(data.ToArray());
        var list = fork ? ResourceFork(blocks) : PropertyList(blocks);
        var trailer = new byte[Sector];
        "koly"u8.CopyTo(trailer);
        Put32(trailer, 4, 4);
        Put32(trailer, 8, Sector);
        Put64(trailer, 32, data.Length);
        Put64(trailer, fork ? 40 : 216, data.Length);
        Put64(trailer, fork ? 48 : 224, list.Length);
        Put32(trailer, 56, 1);
        Put32(trailer, 60, 1);
        PutChecksum(trailer, 80, dataCrc);
        byte[] sums = [.. blocks.SelectMany(block => block[72..76])];
        PutChecksum(trailer, 352, Crc32.HashToUInt32(sums));
        Put32(trailer, 488, 1);
        var last = tables.Max(table => table.FirstSector + table.Chunks.Sum(chunk => chunk.Content.Length / Sector));
        Put64(trailer, 492, sectors > 0 ? sectors : last);
        return new MemoryImage([.. data.ToArray(), .. list, .. trailer]);
    }

    /// <summary>The disk that such tables stand for.</summary>
    public static byte[] DiskOf(IReadOnlyList<Table> tables)
    {
        var disk = new byte[tables.Max(table => table.FirstSector * Sector + table.Chunks.Sum(chunk => chunk.Content.Length))];
        foreach (var table in tables)
        {
            var at = table.FirstSector * Sector;
            foreach (var chunk in table.Chunks)
            {
                chunk.Content.CopyTo(disk, at);
                at += chunk.Content.Length;
            }
        }

        return disk;
    }

    /// <summary>Literals, and runs of one byte by both forms of a match.</summary>
    public static byte[] PackAdc(byte[] content)
    {
        var packed = new List<byte>();
        for (var at = 0; at < content.Length;)
        {
            var run = 1;
            while (at + run < content.Length && run < 60 && content[at + run] == content[at]) run++;
            if (run < 8)
            {
                var count = Math.Min(content.Length - at, run);
                packed.Add((byte)(0x80 | (count - 1)));
                packed.AddRange(content.AsSpan(at, count));
                at += count;
                continue;
            }

            packed.AddRange([0x80, content[at++]]);
            run--;
            packed.AddRange(run > 18 ? [(byte)(0x40 | (run - 4)), 0, 0] : [(byte)((run - 3) << 2), 0]);
            at += run;
        }

        return [.. packed];
    }

    private static byte[] BlockTable(Table table, MemoryStream data)
    {
        var header = new byte[204];
        "mish"u8.CopyTo(header);
        Put32(header, 4, 1);
        Put64(header, 8, table.FirstSector);
        Put64(header, 16, table.Chunks.Sum(chunk => chunk.Content.Length / Sector));
        Put32(header, 200, table.Chunks.Count + 1);
        var sum = new Crc32();
        var entries = new List<byte>();
        long sector = 0;
        foreach (var chunk in table.Chunks)
        {
            entries.AddRange(Entry(chunk.Kind, sector, chunk.Content.Length / Sector, data.Length, chunk.Stored.Length));
            data.Write(chunk.Stored);
            sector += chunk.Content.Length / Sector;
            if (chunk.Kind != Ignore)
                sum.Append(chunk.Content);
        }

        entries.AddRange(Entry(End, sector, 0, data.Length, 0));
        PutChecksum(header, 64, sum.GetCurrentHashAsUInt32());
        return [.. header, .. entries];
    }

    private static byte[] Entry(uint kind, long sector, long sectors, long offset, long bytes)
    {
        var entry = new byte[40];
        Put32(entry, 0, kind);
        Put64(entry, 8, sector);
        Put64(entry, 16, sectors);
        Put64(entry, 24, offset);
        Put64(entry, 32, bytes);
        return entry;
    }

    private static byte[] PropertyList(List<byte[]> blocks)
    {
        var text = new StringBuilder("""
            <?xml version="1.0" encoding="UTF-8"?>
            <!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
            <plist version="1.0">
            <dict>
                <key>resource-fork</key>
                <dict>
                    <key>blkx</key>
                    <array>

            """);
        foreach (var (block, i) in blocks.Select((block, i) => (block, i)))
        {
            text.Append("<dict><key>Attributes</key><string>0x0050</string><key>CFName</key><string>part ").Append(i)
                .Append("</string><key>Data</key><data>\n")
                .Append(Convert.ToBase64String(block, Base64FormattingOptions.InsertLineBreaks))
                .Append("\n</data><key>ID</key><string>").Append(i).Append("</string><key>Name</key><string>part ").Append(i)
                .Append("</string></dict>\n");
        }

        text.Append("</array><key>plst</key><array><dict><key>Data</key><data>AAAA</data></dict></array></dict></dict></plist>");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static byte[] ResourceFork(List<byte[]> blocks)
    {
        byte[] resources = [.. blocks.SelectMany(block => (byte[])[.. Big32(block.Length), .. block]), .. Big32(3), 1, 2, 3];
        byte[] map = new byte[64];
        return [.. Big32(16), .. Big32(16 + resources.Length), .. Big32(resources.Length), .. Big32(map.Length), .. resources,
            .. map];
    }

    private static void PutChecksum(byte[] target, int at, uint value)
    {
        Put32(target, at, 2);
        Put32(target, at + 4, 32);
        Put32(target, at + 8, value);
    }

    private static byte[] Big32(long value) => ReaderExam.BytesOf((ulong)value, sizeof(uint), bigEndian: true);

    private static void Put32(byte[] target, int at, long value) =>
        BinaryPrimitives.WriteUInt32BigEndian(target.AsSpan(at), (uint)value);

    private static void Put64(byte[] target, int at, long value) =>
        BinaryPrimitives.WriteInt64BigEndian(target.AsSpan(at), value);
}
