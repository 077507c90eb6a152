// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx;

/// <summary>The items of an image's metadata, as they are.</summary>
/// <param name="KeepsBlocks">Blocks keep their places whatever is discarded.</param>
/// <param name="DiskSizeAt">Where in the file the size stands.</param>
internal sealed record DiskMetadata(
    uint BlockSize, bool KeepsBlocks, ulong DiskSize, long DiskSizeAt, uint SectorSize, ParentLocator? Parent);

/// <summary>Reads the metadata region.</summary>
internal sealed class MetadataReader
{
    private readonly IBlockChild _file;
    private readonly Region _region;
    private readonly Dictionary<Guid, MetadataItem> _items = [];

    private MetadataReader(IBlockChild file, Region region) => (_file, _region) = (file, region);

    public static async ValueTask<DiskMetadata> ReadAsync(IBlockChild file, Region region, CancellationToken cancellationToken)
    {
        var reader = new MetadataReader(file, region);
        await reader.FindItemsAsync(cancellationToken).ConfigureAwait(false);
        return await reader.ReadItemsAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask FindItemsAsync(CancellationToken cancellationToken)
    {
        var bytes = new byte[MetadataTable.Size];
        await _file.ReadAsync(_region.Offset, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var table = new MetadataTable(bytes);
        if (!table.IsValid)
            throw VhdxFault.Invalid(_file);
        Guid[] known =
        [
            MetadataTable.FileParametersId, MetadataTable.DiskSizeId, MetadataTable.DiskId, MetadataTable.LogicalSectorId,
            MetadataTable.PhysicalSectorId, MetadataTable.ParentLocatorId,
        ];
        foreach (var item in table.Items)
        {
            if (!known.Contains(item.Id) && item.IsRequired)
                throw VhdxFault.NotSupported(_file);
            if (known.Contains(item.Id) && !_items.TryAdd(item.Id, item))
                throw VhdxFault.Invalid(_file);
        }

        if (known[..^1].Any(id => !_items.ContainsKey(id)))
            throw VhdxFault.NotSupported(_file);
    }

    private async ValueTask<DiskMetadata> ReadItemsAsync(CancellationToken cancellationToken)
    {
        var parameters = await ReadAsync(MetadataTable.FileParametersId, sizeof(ulong), cancellationToken).ConfigureAwait(false);
        var size = await ReadAsync(MetadataTable.DiskSizeId, sizeof(ulong), cancellationToken).ConfigureAwait(false);
        var sector = await ReadAsync(MetadataTable.LogicalSectorId, sizeof(uint), cancellationToken).ConfigureAwait(false);
        var flags = BinaryPrimitives.ReadUInt32LittleEndian(parameters.AsSpan(sizeof(uint)));
        return new DiskMetadata(
            BinaryPrimitives.ReadUInt32LittleEndian(parameters),
            (flags & MetadataTable.KeepsBlocks) != 0,
            BinaryPrimitives.ReadUInt64LittleEndian(size),
            _region.Offset + _items[MetadataTable.DiskSizeId].Offset,
            BinaryPrimitives.ReadUInt32LittleEndian(sector),
            (flags & MetadataTable.HasParent) != 0 ? await ReadParentAsync(cancellationToken).ConfigureAwait(false) : null);
    }

    private async ValueTask<ParentLocator> ReadParentAsync(CancellationToken cancellationToken)
    {
        if (!_items.TryGetValue(MetadataTable.ParentLocatorId, out var item) || item.Length > ParentLocator.MostBytes)
            throw VhdxFault.Invalid(_file);
        var bytes = await ReadAsync(MetadataTable.ParentLocatorId, (int)item.Length, cancellationToken).ConfigureAwait(false);
        try
        {
            return new ParentLocator(bytes);
        }
        catch (FormatException)
        {
            throw VhdxFault.Invalid(_file);
        }
    }

    private async ValueTask<byte[]> ReadAsync(Guid id, int bytes, CancellationToken cancellationToken)
    {
        var offset = _items[id].Offset;
        if (offset < MetadataTable.Size)
            throw VhdxFault.Invalid(_file);
        var target = new byte[bytes];
        await _file.ReadAsync(_region.Offset + offset, target, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return target;
    }
}
