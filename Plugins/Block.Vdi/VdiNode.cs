// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vdi.Format;
using BlockHost.Plugins.Block.Vdi.Maintenance;

namespace BlockHost.Plugins.Block.Vdi;

/// <summary>Facet of a node of this driver: what its differencing images know it by.</summary>
internal interface IVdiIdentity
{
    Guid Id { get; }

    /// <summary>Of the last change, as far as programs keep it.</summary>
    Guid ChangeId { get; }
}

/// <summary>An open image.</summary>
internal sealed class VdiNode(
    IBlockNodeContext context, VdiImage image) : DiskNode(context, image), IVdiIdentity, IImageCheck, IResizable
{
    public Guid Id => image.Header.Id;

    public Guid ChangeId => image.Header.ChangeId;

    protected override bool IsDifferencing => image.Header.IsDifferencing;

    public override ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) =>
        new(new ImageFacts { ClusterSize = image.BlockSize, Dirty = false });

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
            await new ImageResizer(image).ResizeAsync(length, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            RefreshProfile();
        }
    }

    protected override ValueTask PrepareForWritingAsync(CancellationToken cancellationToken)
    {
        HeaderChecks.RequireWritable(image.Header);
        return ValueTask.CompletedTask;
    }
}
