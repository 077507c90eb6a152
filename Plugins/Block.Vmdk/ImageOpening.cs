// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Vmdk.Extents;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk;

/// <summary>
/// From a file to an image. One that begins with a sparse extent's magic is that extent, with a description inside; any other is
/// a text that describes extents in other files, which are looked for beside it.
/// </summary>
internal sealed class ImageOpening(IBlockNodeContext context, IBlockChild file)
{
    /// <summary>Where a sparse image has its description, and how much there is of it.</summary>
    private const int EmbeddedOffset = 512;
    private const int EmbeddedSize = 20 * 512;
    private const int MostExtents = 32768;

    private static readonly string[] DescribedTypes = [
        "monolithicFlat", "vmfs", "vmfsSparse", "seSparse", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"];

    private readonly ExtentOpener _extents = new(context);

    public async ValueTask<VmdkImage> OpenAsync(CancellationToken cancellationToken)
    {
        if (file.Length < 4)
            throw VmdkFault.Invalid("File is too small, not a valid image");
        var head = new byte[SparseHeader.Size];
        await file.ReadAsync(0, head, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var magic = ExtentOpener.MagicOf(head);
        if (!ExtentOpener.IsSparse(magic))
            return await OpenDescribedAsync(
                0, Math.Min(file.Length, Descriptor.MaxSize), cancellationToken).ConfigureAwait(false);
        if (magic == SparseHeader.Magic
            && SparseHeader.Read(head) is { Capacity: 0, DescriptorOffset: > 0 and < int.MaxValue } header)
        {
            var size = Math.Clamp(header.DescriptorSize, 0, Descriptor.MaxSize / 512) * 512;
            return await OpenDescribedAsync(header.DescriptorOffset * 512, size, cancellationToken).ConfigureAwait(false);
        }

        return await OpenMonolithicAsync(magic == SparseHeader.Magic, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<VmdkImage> OpenMonolithicAsync(bool isHosted, CancellationToken cancellationToken)
    {
        var extent = await _extents.OpenSparseAsync(file, "", length: null, cancellationToken).ConfigureAwait(false);
        var descriptor = await ReadDescriptorAsync(EmbeddedOffset, EmbeddedSize, cancellationToken).ConfigureAwait(false);
        if (!descriptor.HasContentId)
            throw VmdkFault.Invalid($"Could not open '{file.FileName}': {ErrnoText.Of(Errno.EINVAL)}");
        var type = !isHosted ? "vmfsSparse" : extent.IsCompressed ? "streamOptimized" : "monolithicSparse";
        return new VmdkImage(file, descriptor, EmbeddedOffset, type, [extent]);
    }

    private async ValueTask<VmdkImage> OpenDescribedAsync(long offset, long size, CancellationToken cancellationToken)
    {
        var descriptor = await ReadDescriptorAsync(offset, size, cancellationToken).ConfigureAwait(false);
        var type = descriptor.CreateType ?? throw VmdkFault.Invalid("invalid VMDK image descriptor");
        if (!DescribedTypes.Contains(type))
            throw VmdkFault.Unsupported($"Unsupported image type '{type}'");
        var extents = new List<VmdkExtent>();
        foreach (var line in descriptor.Extents())
        {
            if (extents.Count == MostExtents)
                throw VmdkFault.Invalid($"The image has more than {MostExtents} extents");
            extents.Add(await OpenExtentAsync(extents.Count, line, cancellationToken).ConfigureAwait(false));
        }

        if (extents.Count == 0)
            throw VmdkFault.Invalid("The image's description names no extent that can be read and written");
        if (!descriptor.HasContentId)
            throw VmdkFault.Invalid($"Could not open '{file.FileName}': {ErrnoText.Of(Errno.EINVAL)}");
        return new VmdkImage(file, descriptor, offset, type, extents);
    }

    private async ValueTask<VmdkExtent> OpenExtentAsync(int index, ExtentLine line, CancellationToken cancellationToken)
    {
        if (!ImageFileName.TryResolve(file.FileName, line.FileName, out var path))
            throw VmdkFault.Invalid($"Cannot use relative extent paths with VMDK descriptor file '{file.FileName}'");
        var role = BlockChildRole.Data | (line.IsFlat ? BlockChildRole.None : BlockChildRole.Metadata);
        var spec = new ChildSpec("extents", role) { Index = index, RecordedFile = path };
        var child = (await context.OpenChildAsync(spec, cancellationToken).ConfigureAwait(false))!;
        var length = line.Sectors * VmdkFault.SectorSize;
        return line switch
        {
            { IsFlat: true } => new FlatExtent(child, line.Type, length, line.Offset * VmdkFault.SectorSize),
            { Type: "SESPARSE" } =>
                await _extents.OpenSeSparseAsync(child, line.Type, length, cancellationToken).ConfigureAwait(false),
            _ => await _extents.OpenSparseAsync(child, line.Type, length, cancellationToken).ConfigureAwait(false),
        };
    }

    private async ValueTask<Descriptor> ReadDescriptorAsync(long offset, long size, CancellationToken cancellationToken)
    {
        var bytes = new byte[size];
        await file.ReadAsync(offset, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return Descriptor.Parse(bytes);
    }
}
