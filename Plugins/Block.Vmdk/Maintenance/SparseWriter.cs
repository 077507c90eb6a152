// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk.Maintenance;

/// <summary>
/// Writes an empty sparse extent, in sectors:
/// <code>
///   0 header   1 description (20)   21 second directory, its tables   directory, its tables   (to a whole grain) grains
/// </code>
/// </summary>
internal static class SparseWriter
{
    public const int DescriptorOffset = VmdkFault.SectorSize;
    public const int DescriptorSize = DescriptorSectors * VmdkFault.SectorSize;

    private const int DescriptorSectors = 20;
    private const int GrainSectors = 128;
    private const int EntriesPerTable = 512;
    private const int TableSectors = EntriesPerTable * 4 / VmdkFault.SectorSize;

    public static async ValueTask WriteAsync(
        IBlockChild file, long length, bool zeroGrain, bool compressed, CancellationToken cancellationToken)
    {
        var capacity = length / VmdkFault.SectorSize;
        var grains = (capacity + GrainSectors - 1) / GrainSectors;
        var tables = (grains + EntriesPerTable - 1) / EntriesPerTable;
        if (tables > GrainLayout.MaxTables)
            throw VmdkFault.TooBig("File too large");
        var directorySectors = (tables * 4 + VmdkFault.SectorSize - 1) / VmdkFault.SectorSize;
        var second = 1L + DescriptorSectors;
        var first = second + directorySectors + tables * TableSectors;
        var overhead = (first + directorySectors + tables * TableSectors + GrainSectors - 1) / GrainSectors * GrainSectors;
        await file.ResizeAsync(
            overhead * VmdkFault.SectorSize, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        await WriteDirectoryAsync(file, second, directorySectors, tables, cancellationToken).ConfigureAwait(false);
        await WriteDirectoryAsync(file, first, directorySectors, tables, cancellationToken).ConfigureAwait(false);
        var header = new SparseHeader
        {
            Version = compressed ? 3u : zeroGrain ? 2u : 1u,
            Flags = SparseHeader.FlagsOf(zeroGrain, compressed),
            Capacity = capacity,
            GrainSectors = GrainSectors,
            DescriptorOffset = 1,
            DescriptorSize = DescriptorSectors,
            EntriesPerTable = EntriesPerTable,
            SecondDirectoryOffset = second,
            DirectoryOffset = (ulong)first,
            Overhead = overhead,
            Compression = compressed ? (ushort)1 : (ushort)0,
        };
        await file.WriteAsync(0, header.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The tables follow their directory, and are empty.</summary>
    private static async ValueTask WriteDirectoryAsync(
        IBlockChild file, long sector, long sectors, long tables, CancellationToken cancellationToken)
    {
        var directory = new byte[sectors * VmdkFault.SectorSize];
        for (long i = 0; i < tables; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(
                directory.AsSpan((int)i * 4), checked((uint)(sector + sectors + i * TableSectors)));
        await file.WriteAsync(sector * VmdkFault.SectorSize, directory, WriteFlags.None, cancellationToken).ConfigureAwait(false);
    }
}
