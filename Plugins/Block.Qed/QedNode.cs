// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qed.Format;
using BlockHost.Plugins.Block.Qed.Maintenance;

namespace BlockHost.Plugins.Block.Qed;

/// <summary>An open image.</summary>
internal sealed class QedNode(
    IBlockNodeContext context, QedImage image) : DiskNode(context, image), IImageCheck, IResizable, IBackingFileStore
{
    private const string Raw = "raw";

    public BackingFileReference? Backing => QedDriver.RecordedOf(image);

    protected override bool IsDifferencing => true;

    public override ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) =>
        new(new ImageFacts { ClusterSize = image.BlockSize, Dirty = image.Header.NeedsCheck, Backing = Backing });

    public async ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken)
    {
        if (Profile.Writable)
            await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        return await new ImageChecker(image).CheckAsync(repair, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await ImageResizer.ResizeAsync(image, length, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            RefreshProfile();
        }
    }

    /// <summary>
    /// Of the format, the header says whether it is raw, and nothing else. What was copied up is on disk before the image does
    /// without it below.
    /// </summary>
    public async ValueTask SetBackingAsync(BackingFileReference? backing, CancellationToken cancellationToken)
    {
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        await image.SetBackingNameAsync(backing?.FileName, backing?.Format == Raw, cancellationToken).ConfigureAwait(false);
    }

    protected override ValueTask PrepareForWritingAsync(CancellationToken cancellationToken) =>
        image.Header.NeedsCheck
            ? throw new BlockException(BlockErrorKind.ReadOnly, "The QED image needs a check, which opening it for writing does")
            : ValueTask.CompletedTask;

    protected override ValueTask PrepareForReadingAsync(CancellationToken cancellationToken) => image.CloseAsync();
}
