// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Vmdk.Format;

/// <summary>How entries of tables are written.</summary>
internal enum GrainEntryKind
{
    /// <summary>32 bits: a sector; 0: not allocated; 1: zeroes, where the header allows it.</summary>
    Sector = 0,

    /// <summary>64 bits: a state and a scrambled grain number (SESPARSE).</summary>
    SeSparse = 1,
}

/// <summary>
/// Where an extent's two-level map of grains is. All in bytes, checked against the file.
/// <code>
///   directory ─► table (GrainsPerTable entries) ─► grain (GrainSize bytes)
/// </code>
/// </summary>
internal sealed record GrainLayout
{
    /// <summary>Tables at the most, as in QEMU.</summary>
    public const long MaxTables = 32 << 20;

    private const long MaxGrainSectors = 0x200000;
    private const long MostSectors = long.MaxValue / 1024;

    public required long Capacity { get; init; }

    public required long GrainSize { get; init; }

    public required int GrainsPerTable { get; init; }

    public required long DirectoryOffset { get; init; }

    public long? SecondDirectoryOffset { get; init; }

    public GrainEntryKind EntryKind { get; init; }

    public bool HasZeroGrain { get; init; }

    public bool IsCompressed { get; init; }

    public bool HasMarkers { get; init; }

    public bool IsReadOnly { get; init; }

    /// <summary>Tables are made when their first grain is written.</summary>
    public bool MakesTables { get; init; }

    /// <summary>SESPARSE: where tables and grains begin.</summary>
    public long TablesOffset { get; init; }

    public long GrainsOffset { get; init; }

    public long TableCover => GrainSize * GrainsPerTable;

    public int TableCount => (int)((Capacity + TableCover - 1) / TableCover);

    public int EntrySize => EntryKind == GrainEntryKind.SeSparse ? 8 : 4;

    public static GrainLayout OfHosted(SparseHeader header, long fileLength)
    {
        if (header.EntriesPerTable > 512)
            throw VmdkFault.Invalid("L2 table size too big");
        var isSane = header.GrainSectors > 0 && header.GrainSectors <= long.MaxValue / 512 / 512
            && header.EntriesPerTable * header.GrainSectors is > 0 and <= uint.MaxValue;
        if (!isSane)
            throw VmdkFault.Invalid("L1 entry size is invalid");
        if (header.Overhead < 0 || (fileLength + 511) / 512 < header.Overhead)
            throw VmdkFault.Invalid($"File truncated, expecting at least {unchecked(header.Overhead * 512)} bytes");
        return Checked(new GrainLayout
        {
            Capacity = Bytes(header.Capacity),
            GrainSize = header.GrainSectors * 512,
            GrainsPerTable = (int)header.EntriesPerTable,
            DirectoryOffset = Bytes(unchecked((long)header.DirectoryOffset)),
            // One that is beyond any file is as good as none.
            SecondDirectoryOffset = header.HasSecondDirectory && header.SecondDirectoryOffset is >= 0 and <= MostSectors
                ? header.SecondDirectoryOffset * 512
                : null,
            HasZeroGrain = header.HasZeroGrain,
            IsCompressed = header.IsCompressed,
            HasMarkers = header.HasMarkers,
        });
    }

    /// <summary>"COWD", of ESX: tables have 4096 entries, and are made when they are needed.</summary>
    public static GrainLayout OfCowd(ReadOnlySpan<byte> header)
    {
        var grain = BinaryPrimitives.ReadUInt32LittleEndian(header[16..]);
        if (grain == 0)
            throw VmdkFault.Invalid("L1 entry size is invalid");
        return Checked(new GrainLayout
        {
            Capacity = Bytes(BinaryPrimitives.ReadUInt32LittleEndian(header[12..])),
            GrainSize = grain * 512L,
            GrainsPerTable = 4096,
            MakesTables = true,
            DirectoryOffset = BinaryPrimitives.ReadUInt32LittleEndian(header[20..]) * 512L,
        });
    }

    private static GrainLayout Checked(GrainLayout layout)
    {
        if (layout.GrainSize > MaxGrainSectors * 512)
            throw VmdkFault.TooBig("Invalid granularity, image may be corrupt");
        if ((layout.Capacity + layout.TableCover - 1) / layout.TableCover > MaxTables)
            throw VmdkFault.TooBig("L1 size too big");
        return layout;
    }

    private static long Bytes(long sectors) =>
        sectors is >= 0 and <= MostSectors
            ? sectors * 512
            : throw VmdkFault.TooBig("Could not refresh total sector count: File too large");
}
