// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Text;
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vpc.Format;

namespace BlockHost.Plugins.Block.Vpc;

/// <summary>
/// From a file to a disk: a footer at the beginning is that of an image that grows, one at the end that of a fixed one.
/// </summary>
internal sealed class ImageOpening(IBlockChild file, IIoBufferPool buffers)
{
    public async ValueTask<DiskImage> OpenAsync(string? sizeRule, CancellationToken cancellationToken)
    {
        bool? byGeometry = sizeRule switch
        {
            null => null,
            "chs" => true,
            "current_size" => false,
            _ => throw Invalid($"Invalid size calculation mode: '{sizeRule}'"),
        };
        var footer = await ReadFooterAsync(0, cancellationToken).ConfigureAwait(false);
        var isFixed = !footer.HasMagic;
        if (isFixed)
            footer = await ReadLastAsync(cancellationToken).ConfigureAwait(false);
        if (!footer.IsIntact)
            throw Invalid("Incorrect header checksum");
        var sectors = footer.SectorsOf(byGeometry);
        if (sectors > Footer.MostSectors)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"Could not open '{file.FileName}': File too large", Errno.EFBIG);
        var length = (long)sectors * Footer.SectorSize;
        return isFixed
            ? new FixedDisk(file, footer, length)
            : await OpenDynamicAsync(footer, length, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The parent that the image names by a path from its own folder.</summary>
    public async ValueTask<BackingFileReference?> FindParentAsync(DifferencingDisk disk, CancellationToken cancellationToken)
    {
        var name = disk.Header.ParentName;
        if (disk.Header.ParentPath is { } locator && locator.Offset >= 0 && locator.Offset <= file.Length - locator.Length)
        {
            var bytes = new byte[locator.Length];
            await file.ReadAsync(locator.Offset, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            name = Encoding.Unicode.GetString(bytes).Split('\0')[0];
        }

        return ParentPath.Follow(name) is { } path ? new BackingFileReference(path, "vpc") : null;
    }

    private async ValueTask<DiskImage> OpenDynamicAsync(Footer footer, long length, CancellationToken cancellationToken)
    {
        if (footer.HeaderOffset < 0 || footer.HeaderOffset > file.Length - DynamicHeader.Size)
            throw Invalid("Error reading dynamic VHD header");
        var bytes = new byte[DynamicHeader.Size];
        await file.ReadAsync(footer.HeaderOffset, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var header = new DynamicHeader(bytes);
        if (!header.HasMagic)
            throw Invalid("Invalid header magic");
        if (!BitOperations.IsPow2(header.BlockSize) || header.BlockSize < Footer.SectorSize)
            throw Invalid($"Invalid block size {header.BlockSize}");
        if (header.Entries > int.MaxValue / sizeof(uint))
            throw Invalid($"Max Table Entries too large ({header.Entries})");
        if (header.Entries * (long)header.BlockSize < length)
            throw Invalid("Page table too small");
        if (header.TableOffset < 0 || header.TableOffset > file.Length - header.Entries * (long)sizeof(uint))
            throw Invalid("Error reading pagetable");
        var disk = footer.Type == DiskType.Differencing
            ? new DifferencingDisk(file, footer, header, length, buffers)
            : new DynamicDisk(file, footer, header, length, buffers);
        if (await disk.FindEndAsync(cancellationToken).ConfigureAwait(false) > file.Length)
            throw Invalid("block-vpc: free_data_block_offset points after the end of file. The image has been truncated.");
        return disk;
    }

    private async ValueTask<Footer> ReadLastAsync(CancellationToken cancellationToken)
    {
        if (file.Length < Footer.Size)
            throw Invalid("File too small for a VHD header");
        var footer = await ReadFooterAsync(file.Length - Footer.Size, cancellationToken).ConfigureAwait(false);
        return footer.HasMagic && footer.Type == DiskType.Fixed ? footer : throw Invalid("invalid VPC image");
    }

    private async ValueTask<Footer> ReadFooterAsync(long offset, CancellationToken cancellationToken)
    {
        var bytes = new byte[Footer.Size];
        await file.ReadAsync(offset, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return new Footer(bytes);
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
