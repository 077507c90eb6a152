// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Vvfat.Folder;

namespace BlockHost.Plugins.Block.Vvfat.Layout;

[Flags]
internal enum FatAttributes : byte
{
    None = 0,
    ReadOnly = 1,
    Hidden = 2,
    System = 4,
    Volume = 8,
    Directory = 16,
    Archive = 32,

    /// <summary>An entry with part of a long name.</summary>
    LongName = ReadOnly | Hidden | System | Volume,
}

/// <summary>
/// Writes the entries of a directory, 32 bytes each:
/// <code>
///   0 name, 8 + 3 │ 11 attributes │ 13 made: 1/100 s, time, date │ 18 read: date │ 20 cluster, high │ 22 written: time, date │
///   26 cluster, low │ 28 size
///
///   0 number, last one | 40h │ 1 five units │ 11 0Fh │ 13 checksum of the short name │ 14 six units │ 28 two units
/// </code>
/// A long name stands before its short one, its end first.
/// </summary>
internal sealed class DirectoryTable(int entries, TimeZoneInfo zone)
{
    private const byte LastPart = 0x40;
    private const char Filler = '\uffff';

    private static ReadOnlySpan<byte> UnitsAt => [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

    private int _next;

    public byte[] Content { get; } = new byte[entries * FatGeometry.EntrySize];

    public void AddLabel(ReadOnlySpan<byte> label, DateTimeOffset time)
    {
        var entry = AddEntry(label, FatAttributes.Volume | FatAttributes.Archive);
        WriteTime(entry[22..], time);
    }

    /// <param name="cluster">The first one; 0: none.</param>
    public void Add(FatName name, FolderItem item, uint cluster)
    {
        if (name.NeedsLong)
            AddLongName(name);
        AddShort(name.Short, item, cluster);
    }

    /// <param name="name">Eleven bytes.</param>
    public void AddShort(ReadOnlySpan<byte> name, FolderItem item, uint cluster)
    {
        var entry = AddEntry(name, item.IsFolder ? FatAttributes.Directory : FatAttributes.Archive);
        WriteTime(entry[14..], item.Identity.Modified);
        WriteTime(entry[22..], item.Identity.Modified);
        entry[24..26].CopyTo(entry[18..]);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[20..], (ushort)(cluster >> 16));
        BinaryPrimitives.WriteUInt16LittleEndian(entry[26..], (ushort)cluster);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[28..], (uint)item.Size);
    }

    public static byte Checksum(ReadOnlySpan<byte> shortName)
    {
        byte sum = 0;
        foreach (var c in shortName)
            sum = (byte)((byte)((sum >> 1) | (sum << 7)) + c);
        return sum;
    }

    /// <summary>The units of a long name that an entry holds, to its end.</summary>
    public static int ReadUnits(ReadOnlySpan<byte> entry, Span<char> units)
    {
        var count = 0;
        foreach (var at in UnitsAt)
        {
            var unit = (char)BinaryPrimitives.ReadUInt16LittleEndian(entry[at..]);
            if (unit == '\0')
                break;
            units[count++] = unit;
        }

        return count;
    }

    private void AddLongName(FatName name)
    {
        var checksum = Checksum(name.Short);
        for (var number = name.Entries - 1; number > 0; number--)
        {
            var entry = NextEntry();
            entry[0] = (byte)(number | (number == name.Entries - 1 ? LastPart : 0));
            entry[11] = (byte)FatAttributes.LongName;
            entry[13] = checksum;
            var first = (number - 1) * FatName.UnitsPerEntry;
            for (var i = 0; i < FatName.UnitsPerEntry; i++)
                BinaryPrimitives.WriteUInt16LittleEndian(entry[UnitsAt[i]..], UnitAt(name.Long, first + i));
        }
    }

    private static char UnitAt(string name, int index) =>
        index < name.Length ? name[index] : index == name.Length ? '\0' : Filler;

    private Span<byte> AddEntry(ReadOnlySpan<byte> name, FatAttributes attributes)
    {
        var entry = NextEntry();
        name.CopyTo(entry);
        entry[11] = (byte)attributes;
        return entry;
    }

    private Span<byte> NextEntry() => Content.AsSpan(_next++ * FatGeometry.EntrySize, FatGeometry.EntrySize);

    private void WriteTime(Span<byte> target, DateTimeOffset time)
    {
        var (date, clock) = FatTime.From(time, zone);
        BinaryPrimitives.WriteUInt16LittleEndian(target, clock);
        BinaryPrimitives.WriteUInt16LittleEndian(target[2..], date);
    }
}
