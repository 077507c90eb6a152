// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Vmdk.Extents;
using BlockHost.Plugins.Block.Vmdk.Format;
using BlockHost.Plugins.Block.Vmdk.Maintenance;

namespace BlockHost.Plugins.Block.Vmdk;

/// <summary>The content id of an image, for its overlays.</summary>
internal interface IContentIdentity
{
    uint ContentId { get; }
}

/// <summary>An open image.</summary>
internal sealed class VmdkNode
    : BlockNode, IContentIdentity, IBackingChildHolder, IBackingFileStore, IImageInfo, IImageCheck, IReopenable
{
    private readonly IBlockNodeContext _context;
    private readonly VmdkImage _image;
    private readonly SemaphoreSlim _identityLock = new(1);
    private IBlockChild? _backing;
    private bool _isReadOnly;
    private volatile bool _contentIdIsNew;
    private volatile bool _parentIsChecked;
    private BlockProfile _profile;

    internal VmdkNode(IBlockNodeContext context, VmdkImage image, IBlockChild? backing)
    {
        (_context, _image, _backing) = (context, image, backing);
        _isReadOnly = context.ReadOnly;
        _profile = MakeProfile();
    }

    public override BlockProfile Profile => _profile;

    public uint ContentId => _image.ContentId;

    public BackingFileReference? Backing => _image.ParentFileName is { } name ? new BackingFileReference(name, "vmdk") : null;

    public override async ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        for (long done = 0; done < target.Length;)
        {
            var (extent, within) = _image.Find(offset + done);
            var bytes = Math.Min(target.Length - done, extent.Length - within);
            await extent.ReadAsync(
                within, target.Slice(done, bytes), Below(offset + done - within), cancellationToken).ConfigureAwait(false);
            done += bytes;
        }
    }

    public override async ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        if ((flags & WriteFlags.Compressed) != 0 && _image.GrainSize == 0)
            throw VmdkFault.Invalid("Flat images are not compressed");
        await BeginWriteAsync(cancellationToken).ConfigureAwait(false);
        for (long done = 0; done < source.Length;)
        {
            var (extent, within) = _image.Find(offset + done);
            var bytes = Math.Min(source.Length - done, extent.Length - within);
            await extent.WriteAsync(
                within, source.Slice(done, bytes), Below(offset + done - within), cancellationToken).ConfigureAwait(false);
            done += bytes;
        }
    }

    public override async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        var (extent, within) = _image.Find(offset);
        if (bytes > extent.Length - within)
            throw VmdkFault.Unsupported("The range is in more than one extent");
        await BeginWriteAsync(cancellationToken).ConfigureAwait(false);
        await extent.WriteZeroesAsync(within, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        var (extent, within) = _image.Find(offset);
        return extent.GetStatusAsync(within, Math.Min(bytes, extent.Length - within), cancellationToken);
    }

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => _image.FlushAsync(cancellationToken);

    public void SetBackingChild(IBlockChild? backing)
    {
        _backing = backing;
        _parentIsChecked = false;
    }

    public ValueTask SetBackingAsync(BackingFileReference? backing, CancellationToken cancellationToken) =>
        throw VmdkFault.Unsupported("The backing file of a VMDK image cannot be changed");

    public ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) => new(new ImageFacts
    {
        ClusterSize = _image.GrainSize,
        Dirty = false,
        Backing = Backing,
        NeedsCompressedWrites = _image.IsCompressed,
        Specific = JsonSerializer.SerializeToElement(ImageFactsOf.Specific(_image), VmdkJson.Default.ImageInfoSpecificVmdk),
    });

    public ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken) =>
        repair == CheckRepair.None
        ? ImageChecker.CheckAsync(_image, cancellationToken)
        : throw VmdkFault.Unsupported("This image format does not support checks");

    public async ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        if (!context.ReadOnly && _image.Extents.Any(extent => extent.IsReadOnly))
            throw VmdkFault.Unsupported("An extent of the image cannot be written");
        if (!_isReadOnly)
            await _image.FlushAsync(cancellationToken).ConfigureAwait(false);
        return new ReopenStep(this, context.ReadOnly);
    }

    public override async ValueTask DisposeAsync()
    {
        if (!_isReadOnly && _contentIdIsNew)
            await _image.CloseAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// The first write after opening gives the content another id, so that overlays know; before the write, or a crash would hide
    /// it.
    /// </summary>
    private async ValueTask BeginWriteAsync(CancellationToken cancellationToken)
    {
        CheckParent();
        if (_contentIdIsNew)
            return;
        await _identityLock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_contentIdIsNew)
                await _image.ChangeContentIdAsync(cancellationToken).ConfigureAwait(false);
            _contentIdIsNew = true;
        }
        finally
        {
            _identityLock.Release();
        }
    }

    private BelowReader Below(long extentStart) => (offset, target, cancellationToken) =>
    {
        if (_backing is not { } backing)
        {
            target.Clear();
            return ValueTask.CompletedTask;
        }

        CheckParent();
        return backing.ReadAsync(extentStart + offset, target, ReadFlags.None, cancellationToken);
    };

    /// <exception cref="BlockException">The backing file is not what it was when this image was made: what is read would be a
    /// mixture.</exception>
    private void CheckParent()
    {
        if (_parentIsChecked || _backing is not { } backing)
            return;
        var isSame = backing.TryGetFacet<IContentIdentity>(out var parent) && parent.ContentId == _image.ParentContentId;
        if (!isSame)
            throw VmdkFault.Invalid(
                $"The content of backing file '{backing.FileName}' has changed since '{_image.File.FileName}' was made over it");
        _parentIsChecked = true;
    }

    private BlockProfile MakeProfile() => new()
    {
        Length = _image.Length,
        Writable = !_isReadOnly,
        Flush = Support.Native,
        Fua = Support.Emulate,
        WriteZeroes = _image.HasZeroGrain ? Support.Native : Support.Emulate,
        WriteZeroesFlags = ZeroFlags.MayUnmap,
        Status = Support.Native,
    };

    private sealed class ReopenStep(VmdkNode node, bool readOnly) : IReopenStep
    {
        public void Commit()
        {
            node._isReadOnly = readOnly;
            node._contentIdIsNew &= !readOnly;
            node._profile = node.MakeProfile();
        }

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
