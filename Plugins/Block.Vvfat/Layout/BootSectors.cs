// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Vvfat.Layout;

/// <summary>
/// The first sectors of the disk and of the volume (Microsoft's FAT32 File System Specification 1.03; the numbers that nobody
/// prescribes are QEMU's).
/// <code>
///   MBR:    440 signature │ 446 partition: active, C/H/S, type, C/H/S, start, sectors │ 510 55 AA
///   volume: 3 OEM │ 11 bytes a sector │ 13 sectors a cluster │ 14 reserved │ 16 FATs │ 17 root entries │ 19 sectors │ 21 media │
///           22 sectors of a FAT │ 24 track │ 26 heads │ 28 hidden │ 32 sectors
///   FAT12, FAT16: 36 drive, 29h, serial number, label, type
///   FAT32:        36 sectors of a FAT │ 44 root │ 48 FSInfo │ 50 copy │ 64 as 36 of the others
/// </code>
/// </summary>
internal sealed class BootSectors(FatGeometry geometry, byte[] label)
{
    private const int Size = FatGeometry.SectorSize;
    private const uint VolumeSerial = 0xfabe1afd;
    private const uint DiskSignature = 0xbe1afdfa;
    private const int InfoSector = 1;
    private const int CopySector = 6;

    /// <summary>The fields by which a guest finds its way, of the boot sector: without label and state.</summary>
    public static Range GeometryFields(int bits) => bits == 32 ? 11..48 : 11..36;

    public byte Media => (byte)(geometry.IsFloppy ? 0xf0 : 0xf8);

    public byte[] MasterBootRecord()
    {
        var sector = new byte[Size];
        BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(440), DiskSignature);
        var partition = sector.AsSpan(446);
        partition[0] = 0x80;
        WritePlace(partition[1..], geometry.Start);
        var needsBlocks = !WritePlace(partition[5..], geometry.Start + geometry.Sectors - 1);
        partition[4] = (geometry.Bits, needsBlocks) switch
        {
            (12, _) => 0x01,
            (16, false) => 0x06,
            (16, true) => 0x0e,
            (_, false) => 0x0b,
            _ => 0x0c,
        };
        BinaryPrimitives.WriteUInt32LittleEndian(partition[8..], geometry.Start);
        BinaryPrimitives.WriteUInt32LittleEndian(partition[12..], geometry.Sectors);
        Sign(sector);
        return sector;
    }

    /// <summary>All reserved sectors.</summary>
    /// <param name="used">Clusters in use.</param>
    public byte[] Reserved(uint used)
    {
        var sectors = new byte[geometry.Reserved * Size];
        WriteVolume(sectors.AsSpan(0, Size));
        if (geometry.Bits != 32)
            return sectors;
        WriteInfo(sectors.AsSpan(InfoSector * Size, Size), used);
        Sign(sectors.AsSpan(2 * Size, Size));
        sectors.AsSpan(0, 3 * Size).CopyTo(sectors.AsSpan(CopySector * Size));
        return sectors;
    }

    private void WriteVolume(Span<byte> sector)
    {
        ReadOnlySpan<byte> jump = geometry.Bits == 32 ? [0xeb, 0x58, 0x90] : [0xeb, 0x3c, 0x90];
        jump.CopyTo(sector);
        "MSWIN4.1"u8.CopyTo(sector[3..]);
        BinaryPrimitives.WriteUInt16LittleEndian(sector[11..], Size);
        sector[13] = (byte)geometry.SectorsPerCluster;
        BinaryPrimitives.WriteUInt16LittleEndian(sector[14..], (ushort)geometry.Reserved);
        sector[16] = FatGeometry.FatCount;
        BinaryPrimitives.WriteUInt16LittleEndian(sector[17..], (ushort)geometry.RootEntries);
        var isShort = geometry is { Sectors: <= ushort.MaxValue, Bits: not 32 };
        BinaryPrimitives.WriteUInt16LittleEndian(sector[19..], (ushort)(isShort ? geometry.Sectors : 0));
        sector[21] = Media;
        BinaryPrimitives.WriteUInt16LittleEndian(sector[22..], (ushort)(geometry.Bits == 32 ? 0 : geometry.FatSectors));
        BinaryPrimitives.WriteUInt16LittleEndian(sector[24..], (ushort)geometry.SectorsPerTrack);
        BinaryPrimitives.WriteUInt16LittleEndian(sector[26..], (ushort)geometry.Heads);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[28..], geometry.Start);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[32..], isShort ? 0 : geometry.Sectors);
        if (geometry.Bits == 32)
            WriteFat32(sector[36..]);
        else
            WriteVolumeId(sector[36..]);
        Sign(sector);
    }

    private void WriteFat32(Span<byte> fields)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(fields, geometry.FatSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[8..], FatGeometry.FirstCluster);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[12..], InfoSector);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[14..], CopySector);
        WriteVolumeId(fields[28..]);
    }

    private void WriteVolumeId(Span<byte> fields)
    {
        fields[0] = (byte)(geometry.IsFloppy ? 0 : 0x80);
        fields[2] = 0x29;
        BinaryPrimitives.WriteUInt32LittleEndian(fields[3..], VolumeSerial);
        label.CopyTo(fields[7..]);
        (geometry.Bits switch { 12 => "FAT12   "u8, 16 => "FAT16   "u8, _ => "FAT32   "u8 }).CopyTo(fields[18..]);
    }

    private void WriteInfo(Span<byte> sector, uint used)
    {
        "RRaA"u8.CopyTo(sector);
        "rrAa"u8.CopyTo(sector[484..]);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[488..], geometry.Clusters - used);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[492..], FatGeometry.FirstCluster + used);
        Sign(sector);
    }

    /// <returns>False: it lies beyond what cylinder, head and sector can say, and reads as their end.</returns>
    private bool WritePlace(Span<byte> target, long sector)
    {
        var (track, inTrack) = Math.DivRem(sector, geometry.SectorsPerTrack);
        var (cylinder, head) = Math.DivRem(track, geometry.Heads);
        var fits = cylinder < 1024;
        if (!fits)
            (cylinder, head, inTrack) = (1023, geometry.Heads - 1, geometry.SectorsPerTrack - 1);
        target[0] = (byte)head;
        target[1] = (byte)((inTrack + 1) | (cylinder >> 8 << 6));
        target[2] = (byte)cylinder;
        return fits;
    }

    private static void Sign(Span<byte> sector)
    {
        sector[510] = 0x55;
        sector[511] = 0xaa;
    }
}
