// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Parallels.Bitmaps;
using BlockHost.Plugins.Block.Parallels.Format;
using BlockHost.Plugins.Block.Parallels.Maintenance;

namespace BlockHost.Plugins.Block.Parallels;

/// <summary>
/// An open image. The first change of the disk drops its format extension, as the format has it for who does not keep it up to
/// date all the while; dirty bitmaps come back into it when the image is closed.
/// </summary>
internal sealed class ParallelsNode(IBlockNodeContext context, ParallelsImage image, FormatExtension? extension)
    : DiskNode(context, image), IImageCheck, IResizable
{
    private readonly BitmapStore _bitmaps = new(image, extension);

    protected override bool IsDifferencing => true;

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        _bitmaps.HasExtension
            ? DropAndWriteAsync(offset, source, flags, cancellationToken)
            : base.WriteAsync(offset, source, flags, cancellationToken);

    public override async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        await _bitmaps.DropAsync(cancellationToken).ConfigureAwait(false);
        await base.WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        await _bitmaps.DropAsync(cancellationToken).ConfigureAwait(false);
        await base.DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>QEMU's driver says nothing of its images.</summary>
    public override ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) =>
        new(new ImageFacts { IsKnown = false });

    public async ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken)
    {
        if (Profile.Writable)
            await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        // Bitmaps do not know what was written before the image was left; once it is closed, nothing would say so.
        if (repair.HasFlag(CheckRepair.Errors) && image.WasLeftOpen)
            await _bitmaps.DropAsync(cancellationToken).ConfigureAwait(false);
        return await new ImageChecker(image).CheckAsync(repair, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        await _bitmaps.DropAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await new ImageResizer(image).ResizeAsync(length, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            RefreshProfile();
        }
    }

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        if (typeof(T) != typeof(IBitmapStore))
            return base.TryGetFacet(out facet);
        facet = Profile.Writable || (extension is not null && _bitmaps.HasExtension) ? _bitmaps as T : null;
        return facet is not null;
    }

    protected override ValueTask PrepareForReadingAsync(CancellationToken cancellationToken) => image.CloseAsync();

    protected override ValueTask PrepareForWritingAsync(CancellationToken cancellationToken)
    {
        HeaderChecks.RequireClosed(image.Header);
        extension?.RequireWritable();
        return ValueTask.CompletedTask;
    }

    private async ValueTask DropAndWriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        await _bitmaps.DropAsync(cancellationToken).ConfigureAwait(false);
        await base.WriteAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
    }
}
