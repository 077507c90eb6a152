// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Plugins.Block.Vvfat.Layout;
using BlockHost.Plugins.Block.Vvfat.Writing;

namespace BlockHost.Block.Vvfat.Tests.Support;

/// <summary>Writes tables and directories of a FAT16 disk as no file system would.</summary>
internal sealed class RawFat16(WritableFolder disk)
{
    private const int Sector = 512;

    private readonly FatGeometry _geometry = disk.Layout.Geometry;

    public void SetNext(uint cluster, ushort next)
    {
        foreach (var copy in (long[])[0, _geometry.FatSize])
        {
            var at = _geometry.FatAt + copy + (cluster * 2);
            var sector = ReadSector(at / Sector * Sector);
            BinaryPrimitives.WriteUInt16LittleEndian(sector.AsSpan((int)(at % Sector)), next);
            disk.Write(at / Sector * Sector, sector);
        }
    }

    /// <summary>Puts entries behind those of the root directory.</summary>
    public void AddToRoot(params byte[][] entries) => Add(_geometry.RootAt, _geometry.RootSectors, entries);

    /// <summary>Puts entries behind those of a directory of one cluster.</summary>
    public void AddTo(uint cluster, params byte[][] entries) => Add(_geometry.OffsetOf(cluster), 1, entries);

    public void WriteCluster(uint cluster, byte[] content)
    {
        var sector = new byte[Sector];
        content.CopyTo(sector, 0);
        disk.Write(_geometry.OffsetOf(cluster), sector);
    }

    public void WriteBoot(Action<byte[]> change)
    {
        var sector = ReadSector(0);
        change(sector);
        disk.Write(0, sector);
    }

    /// <summary>Changes bytes of the tables and directories.</summary>
    public void Damage(Random random, int times)
    {
        var end = _geometry.OffsetOf(FatGeometry.FirstCluster + 4);
        for (var i = 0; i < times; i++)
        {
            // Mostly where something is.
            var at = random.Next(3) switch
            {
                0 => _geometry.FatAt + random.Next(32),
                1 => _geometry.RootAt + random.Next(400),
                _ => random.NextInt64(end),
            };
            var sector = ReadSector(at / Sector * Sector);
            sector[at % Sector] = (byte)random.Next(256);
            disk.Write(at / Sector * Sector, sector);
        }
    }

    public static byte[] Entry(string shortName, uint cluster, uint size, bool isFolder = false)
    {
        var entry = new byte[32];
        Encoding.Latin1.GetBytes(shortName.PadRight(11).AsSpan(0, 11), entry);
        entry[11] = (byte)(isFolder ? FatAttributes.Directory : FatAttributes.Archive);
        BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(26), (ushort)cluster);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(28), size);
        return entry;
    }

    /// <summary>An entry with a long name before it, whatever the name is.</summary>
    public static byte[][] LongEntries(string name, uint cluster, uint size)
    {
        var entry = Entry("ATTACK", cluster, size);
        var parts = (name.Length + 12) / 13;
        var result = new byte[parts + 1][];
        for (var number = parts; number > 0; number--)
            result[parts - number] = Part(name, number, number == parts, DirectoryTable.Checksum(entry.AsSpan(0, 11)));
        result[parts] = entry;
        return result;
    }

    private static byte[] Part(string name, int number, bool isLast, byte checksum)
    {
        int[] places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
        var part = new byte[32];
        part[0] = (byte)(number | (isLast ? 0x40 : 0));
        part[11] = 0x0f;
        part[13] = checksum;
        for (var i = 0; i < 13; i++)
        {
            var at = ((number - 1) * 13) + i;
            var unit = at < name.Length ? name[at] : at == name.Length ? '\0' : '\uffff';
            BinaryPrimitives.WriteUInt16LittleEndian(part.AsSpan(places[i]), unit);
        }

        return part;
    }

    private void Add(long at, uint sectors, byte[][] entries)
    {
        var next = 0;
        for (var sector = 0; sector < sectors && next < entries.Length; sector++)
        {
            var bytes = ReadSector(at + (sector * Sector));
            for (var place = 0; place < Sector && next < entries.Length; place += 32)
            {
                if (bytes[place] == 0)
                    entries[next++].CopyTo(bytes, place);
            }

            disk.Write(at + (sector * Sector), bytes);
        }

        Assert.Equal(entries.Length, next);
    }

    private byte[] ReadSector(long at)
    {
        var sector = new byte[Sector];
        disk.Read(at, sector);
        return sector;
    }
}
