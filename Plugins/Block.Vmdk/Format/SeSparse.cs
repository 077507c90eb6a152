// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Vmdk.Format;

/// <summary>
/// A space-efficient sparse extent of ESX, which has no published description. Everything is in sectors; tables and grains are
/// numbered:
/// <code>
///   0 constant header   16 version  24 capacity  32 grain  40 table  56 reserved…
///   then                volatile header, journal, directory, tables, bitmaps, grains
///   directory entry     0x1000_0000_nnnn_nnnn: table n          0: none
///   table entry         0x0 none · 0x1 unmapped · 0x2 zeroes · 0x3 grain: bits 48 to 59 low, 0 to 47 high ones of its number
/// </code>
/// </summary>
internal static class SeSparse
{
    public const int HeaderSize = 512;

    private const ulong Magic = 0xcafebabe;
    private const ulong VolatileMagic = 0xcafecafe;
    private const ulong Version = 0x0000000200000001;

    public static GrainLayout Read(ReadOnlySpan<byte> header)
    {
        static ulong At(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);
        if (At(header, 0) != Magic)
            throw VmdkFault.Invalid($"Bad const header magic: 0x{At(header, 0):x16}");
        if (At(header, 8) != Version)
            throw VmdkFault.Unsupported($"Unsupported version: 0x{At(header, 8):x16}");
        var (capacity, grain, table) = (At(header, 16), At(header, 24), At(header, 32));
        if (grain != 8)
            throw VmdkFault.Unsupported($"Unsupported grain size: {grain}");
        if (table != 64)
            throw VmdkFault.Unsupported($"Unsupported grain table size: {table}");
        if (At(header, 40) != 0)
            throw VmdkFault.Unsupported($"Unsupported flags: 0x{At(header, 40):x16}");
        var (directory, tables, grains) = (At(header, 128), At(header, 144), At(header, 192));
        if (capacity > long.MaxValue / 1024 || directory > long.MaxValue / 1024 || tables > long.MaxValue / 1024
            || grains > long.MaxValue / 1024)
            throw VmdkFault.TooBig("Sparse extent is too large");
        var layout = new GrainLayout
        {
            Capacity = (long)capacity * 512,
            GrainSize = 8 * 512,
            GrainsPerTable = 64 * 512 / 8,
            DirectoryOffset = (long)directory * 512,
            TablesOffset = (long)tables * 512,
            GrainsOffset = (long)grains * 512,
            EntryKind = GrainEntryKind.SeSparse,
            IsReadOnly = true,
        };
        return (layout.Capacity + layout.TableCover - 1) / layout.TableCover <= GrainLayout.MaxTables
            ? layout
            : throw VmdkFault.TooBig("L1 size too big");
    }

    /// <summary>Offset in bytes of the volatile header.</summary>
    public static long VolatileOffset(ReadOnlySpan<byte> header)
    {
        var sector = BinaryPrimitives.ReadUInt64LittleEndian(header[80..]);
        return sector <= long.MaxValue / 1024 ? (long)sector * 512 : throw VmdkFault.TooBig("Sparse extent is too large");
    }

    public static void CheckVolatile(ReadOnlySpan<byte> header)
    {
        var magic = BinaryPrimitives.ReadUInt64LittleEndian(header);
        if (magic != VolatileMagic)
            throw VmdkFault.Invalid($"Bad volatile header magic: 0x{magic:x16}");
        if (BinaryPrimitives.ReadUInt64LittleEndian(header[24..]) != 0)
            throw VmdkFault.Unsupported("Image is dirty, Replaying journal not supported");
    }
}
