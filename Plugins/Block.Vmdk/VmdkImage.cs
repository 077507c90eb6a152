// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vmdk.Extents;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk;

/// <summary>What is open of an image: its description and its extents, one after another.</summary>
internal sealed class VmdkImage(
    IBlockChild file, Descriptor descriptor, long descriptorOffset, string createType, IReadOnlyList<VmdkExtent> extents)
{
    /// <summary>The description's file, which a sparse image shares with its data.</summary>
    public IBlockChild File => file;

    public string CreateType => createType;

    public IReadOnlyList<VmdkExtent> Extents => extents;

    public uint ContentId { get; private set; } = descriptor.ContentId;

    public uint ParentContentId => descriptor.ParentContentId;

    public string? ParentFileName => string.IsNullOrEmpty(descriptor.ParentFileName) ? null : descriptor.ParentFileName;

    public long Length { get; } = extents.Aggregate(0L, (sum, extent) => sum > long.MaxValue / 2 ? sum : sum + extent.Length);

    /// <summary>Bytes, where all extents have grains of one size; else 0.</summary>
    public long GrainSize => extents.Select(extent => extent.GrainSize).Distinct().Take(2).ToList() is [var size] ? size : 0;

    public bool IsCompressed => extents.All(extent => extent.IsCompressed);

    public bool HasZeroGrain => extents.All(extent => extent.HasZeroGrain || extent is FlatExtent);

    /// <summary>The extent that has an offset of the disk, and the offset in it.</summary>
    public (VmdkExtent Extent, long Offset) Find(long offset)
    {
        foreach (var extent in extents)
        {
            if (offset < extent.Length)
                return (extent, offset);
            offset -= extent.Length;
        }

        throw new BlockException(BlockErrorKind.OutOfRange, "Beyond the last extent");
    }

    /// <summary>Gives the image another content id, of as many digits: nothing else of the description moves.</summary>
    public async ValueTask ChangeContentIdAsync(CancellationToken cancellationToken)
    {
        if (descriptor.ContentIdOffset < 0)
            throw VmdkFault.Invalid("The image's description has no content id that can be changed");
        var id = Descriptor.AnotherId(ContentId, descriptor.ContentIdDigits);
        var digits = System.Text.Encoding.ASCII.GetBytes(
            id.ToString($"x{descriptor.ContentIdDigits}", CultureInfo.InvariantCulture));
        await file.WriteAsync(
            descriptorOffset + descriptor.ContentIdOffset, digits, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        ContentId = id;
    }

    /// <summary>Flushes before the image closes; where that fails, nothing that was written stays in memory only.</summary>
    public async ValueTask CloseAsync()
    {
        try
        {
            await FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            foreach (var extent in extents)
                await extent.WriteAtEndAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        foreach (var extent in extents)
            await extent.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (extents.All(extent => extent.File != file))
            await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }
}
