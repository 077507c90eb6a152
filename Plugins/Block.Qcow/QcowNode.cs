// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qcow.Format;
using BlockHost.Plugins.Block.Qcow.Maintenance;

namespace BlockHost.Plugins.Block.Qcow;

/// <summary>An open image.</summary>
internal sealed class QcowNode(IBlockNodeContext context, QcowImage image)
    : DiskNode(context, image), IImageCheck, IResizable, IBackingFileStore, IImageEmptier
{
    public BackingFileReference? Backing => QcowDriver.RecordedOf(image);

    protected override bool IsDifferencing => true;

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        (flags & WriteFlags.Compressed) != 0
            ? image.WriteCompressedAsync(offset, source, cancellationToken)
            : base.WriteAsync(offset, source, flags, cancellationToken);

    public override ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) => new(new ImageFacts
    {
        ClusterSize = image.BlockSize,
        Dirty = false,
        Encrypted = image.Header.Crypt != CryptMethod.None,
        IsKeyMissing = image.Cipher is DiskCipher { IsLocked: true },
        Backing = Backing,
    });

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
    /// The image has no room for the format. What was copied up is on disk before the image does without it below.
    /// </summary>
    public async ValueTask SetBackingAsync(BackingFileReference? backing, CancellationToken cancellationToken)
    {
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        await image.SetBackingNameAsync(backing?.FileName, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask MakeEmptyAsync(CancellationToken cancellationToken) =>
        ImageEmptier.MakeEmptyAsync(image, cancellationToken);

    protected override ValueTask PrepareForWritingAsync(CancellationToken cancellationToken) =>
        image.Tables.SurveyAsync(cancellationToken);
}
