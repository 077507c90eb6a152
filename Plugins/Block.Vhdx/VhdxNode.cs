// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vhdx.Maintenance;

namespace BlockHost.Plugins.Block.Vhdx;

/// <summary>Facet of a node of this driver: what its differencing images know it by.</summary>
internal interface IVhdxIdentity
{
    Guid DataWriteId { get; }

    int SectorSize { get; }
}

/// <summary>An open image.</summary>
internal sealed class VhdxNode : DiskNode, IVhdxIdentity, IImageCheck, IResizable
{
    private readonly VhdxImage _image;
    private readonly BackingFileReference? _parent;
    private readonly bool _discards;

    public VhdxNode(IBlockNodeContext context, VhdxImage image, BackingFileReference? parent)
        : base(context, image) => (_image, _parent, _discards) = (image, parent, context.DiscardUnmap);

    public Guid DataWriteId => _image.DataWriteId;

    public int SectorSize => _image.Layout.Table.SectorSize;

    protected override bool IsDifferencing => _image.Layout.Parent is not null;

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        _image.IsMarked
            ? base.WriteAsync(offset, source, flags, cancellationToken)
            : MarkAndWriteAsync(offset, source, flags, cancellationToken);

    public override async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        if (!_image.IsMarked)
            await _image.MarkAsync(cancellationToken).ConfigureAwait(false);
        await base.WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        if (_discards && !_image.IsMarked)
            await _image.MarkAsync(cancellationToken).ConfigureAwait(false);
        await base.DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
    }

    public override ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) =>
        new(new ImageFacts { ClusterSize = _image.BlockSize, Dirty = false, Backing = _parent });

    public async ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken)
    {
        if (Profile.Writable)
            await _image.SettleAsync(cancellationToken).ConfigureAwait(false);
        return await new ImageChecker(_image).CheckAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await new ImageResizer(_image).ResizeAsync(length, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            RefreshProfile();
        }
    }

    protected override ValueTask PrepareForReadingAsync(CancellationToken cancellationToken) =>
        _image.EndWritingAsync(cancellationToken);

    protected override ValueTask PrepareForWritingAsync(CancellationToken cancellationToken)
    {
        _image.RequireWritable();
        return ValueTask.CompletedTask;
    }

    private async ValueTask MarkAndWriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        await _image.MarkAsync(cancellationToken).ConfigureAwait(false);
        await base.WriteAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
    }
}
