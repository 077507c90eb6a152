// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vhdx.Format;
using BlockHost.Plugins.Block.Vhdx.Log;

namespace BlockHost.Plugins.Block.Vhdx;

/// <summary>From a file to a disk: headers, log, regions, metadata, table.</summary>
internal sealed class ImageOpening(IBlockNodeContext context, IBlockChild file)
{
    private const int SmallestBlock = 1 << 20;
    private const int LargestBlock = 256 << 20;
    private const long LargestDisk = 64L << 40;
    private const long LastOffset = long.MaxValue / 2;

    public async ValueTask<VhdxImage> OpenAsync(CancellationToken cancellationToken)
    {
        var signature = await ReadAsync(0, FileLayout.Signature.Length, cancellationToken).ConfigureAwait(false);
        if (!signature.AsSpan().SequenceEqual(FileLayout.Signature))
            throw VhdxFault.Invalid(file);
        var headers = await HeaderStore.ReadAsync(file, cancellationToken).ConfigureAwait(false);
        var replay = new LogReplay(file, headers, context.Host.Buffers);
        var wasReplayed = await replay.RunAsync(context.ReadOnly, cancellationToken).ConfigureAwait(false);
        var layout = await ReadLayoutAsync(headers.Current, cancellationToken).ConfigureAwait(false);
        var scan = new TableScan(file, layout, Refuse);
        await scan.RunAsync(context.Host.Buffers, cancellationToken).ConfigureAwait(false);
        var image = layout.Parent is null
            ? new VhdxImage(file, layout, headers, scan.End, context.Host.Buffers)
            : new DifferencingImage(file, layout, headers, scan.End, context.Host.Buffers);
        image.WasReplayed = wasReplayed;
        if (!context.ReadOnly)
            image.RequireWritable();
        return image;
    }

    /// <summary>A check will tell of it.</summary>
    private void Refuse(string message)
    {
        if (!context.ForRepair)
            throw VhdxFault.Invalid(message);
    }

    private async ValueTask<ImageLayout> ReadLayoutAsync(VhdxHeader header, CancellationToken cancellationToken)
    {
        var regionTable = await ReadRegionTableAsync(cancellationToken).ConfigureAwait(false);
        var regions = RequireRegions(header, regionTable);
        var (metadataRegion, region) = (Require(regions, RegionTable.MetadataId), Require(regions, RegionTable.TableId));
        var metadata = await MetadataReader.ReadAsync(file, metadataRegion, cancellationToken).ConfigureAwait(false);
        RequireSupported(metadata);
        var sector = (int)metadata.SectorSize;
        var length = (long)metadata.DiskSize / sector * sector;
        var table = new BlockTable(region.Offset, metadata.BlockSize, sector, length, metadata.Parent is not null);
        if (table.Entries > region.Length / BlockTable.EntrySize)
            throw VhdxFault.Invalid(file);
        return new ImageLayout
        {
            Regions = regions,
            RegionTable = regionTable,
            Table = table,
            DiskSizeAt = metadata.DiskSizeAt,
            KeepsBlocks = metadata.KeepsBlocks,
            Parent = metadata.Parent,
        };
    }

    private void RequireSupported(DiskMetadata metadata)
    {
        if (metadata.SectorSize is not (512 or 4096))
            throw VhdxFault.NotSupported(file);
        if (!BitOperations.IsPow2(metadata.BlockSize) || metadata.BlockSize is < SmallestBlock or > LargestBlock)
            throw VhdxFault.Invalid(file);
        if (metadata.DiskSize is 0 or > LargestDisk)
            throw VhdxFault.Invalid(file);
    }

    /// <summary>The second copy stands for the first where that is damaged, which QEMU does not look at.</summary>
    private async ValueTask<RegionTable> ReadRegionTableAsync(CancellationToken cancellationToken)
    {
        foreach (var offset in new[] { FileLayout.FirstRegionTable, FileLayout.SecondRegionTable })
        {
            var table = new RegionTable(await ReadAsync(offset, RegionTable.Size, cancellationToken).ConfigureAwait(false));
            if (table.IsValid)
                return table;
        }

        throw VhdxFault.Invalid(file);
    }

    /// <summary>The headers, the log and the regions, none of which lies on another.</summary>
    private RegionMap RequireRegions(VhdxHeader header, RegionTable table)
    {
        var regions = new RegionMap();
        // QEMU lets a block lie over the headers, and writes it there.
        regions.Add(new(Guid.Empty, 0, FileLayout.MiB, IsRequired: true));
        regions.Add(new(Guid.Empty, header.LogOffset, header.LogLength, IsRequired: true));
        foreach (var region in table.Regions)
        {
            if (region.Offset is < FileLayout.MiB or > LastOffset || !FileLayout.IsAligned(region.Offset) || region.Length == 0)
                throw VhdxFault.Invalid(file);
            if (regions.FindOverlap(region.Offset, region.End) is { } other)
                throw VhdxFault.Invalid(
                    $"VHDX region {region.Offset}-{region.End} overlaps with region {other.Offset}-{other.End}");
            var isKnown = region.Id == RegionTable.TableId || region.Id == RegionTable.MetadataId;
            if (isKnown && regions.Find(region.Id) is not null)
                throw VhdxFault.Invalid(file);
            if (!isKnown && region.IsRequired)
                throw VhdxFault.NotSupported(file);
            regions.Add(region);
        }

        return regions;
    }

    private Region Require(RegionMap regions, Guid id) => regions.Find(id) ?? throw VhdxFault.Invalid(file);

    private async ValueTask<byte[]> ReadAsync(long offset, int bytes, CancellationToken cancellationToken)
    {
        var target = new byte[bytes];
        await file.ReadAsync(offset, target, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return target;
    }
}
