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
/// An open image. The bitmaps of its format extension are there for who reads; the first change of the disk drops the extension,
/// as the format has it for programs that do not keep it up to date.
/// </summary>
internal sealed class ParallelsNode(IBlockNodeContext context, ParallelsImage image, FormatExtension? extension)
    : DiskNode(context, image), IImageCheck, IResizable
{
    private readonly SemaphoreSlim _dropping = new(1);

    protected override bool IsDifferencing => true;

    private bool HasExtension => image.Header.ExtensionSector != 0;

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        HasExtension
            ? DropAndWriteAsync(offset, source, flags, cancellationToken)
            : base.WriteAsync(offset, source, flags, cancellationToken);

    public override async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        await DropExtensionAsync(cancellationToken).ConfigureAwait(false);
        await base.WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        await DropExtensionAsync(cancellationToken).ConfigureAwait(false);
        await base.DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>QEMU's driver says nothing of its images.</summary>
    public override ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) =>
        new(new ImageFacts { IsKnown = false });

    public async ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken)
    {
        if (Profile.Writable)
            await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        return await new ImageChecker(image).CheckAsync(repair, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        await DropExtensionAsync(cancellationToken).ConfigureAwait(false);
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
        facet = extension is not null && !Profile.Writable && HasExtension ? new BitmapReader(image, extension) as T : null;
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
        await DropExtensionAsync(cancellationToken).ConfigureAwait(false);
        await base.WriteAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>On disk before the change is: bitmaps that do not know of it are never read again.</summary>
    private async ValueTask DropExtensionAsync(CancellationToken cancellationToken)
    {
        if (!HasExtension)
            return;
        await _dropping.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!HasExtension)
                return;
            await image.MarkOpenAsync(cancellationToken).ConfigureAwait(false);
            await image.WriteHeaderAsync(image.Header with { ExtensionSector = 0 }, cancellationToken).ConfigureAwait(false);
            await image.File.FlushAsync(cancellationToken).ConfigureAwait(false);
            image.ReservedEnd = 0;
        }
        finally
        {
            _dropping.Release();
        }
    }
}
