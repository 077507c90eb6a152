// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Formats;

/// <summary>
/// The node of a format whose image is one <see cref="DiskImage"/>: what of a node does not depend on the format.
/// </summary>
public abstract class DiskNode : BlockNode, IImageInfo, IReopenable, IBackingChildHolder
{
    private readonly IBlockNodeContext _context;
    private readonly DiskImage _disk;
    private bool _isReadOnly;
    private BlockProfile _profile;

    protected DiskNode(IBlockNodeContext context, DiskImage disk)
    {
        (_context, _disk) = (context, disk);
        _isReadOnly = context.ReadOnly;
        _profile = MakeProfile();
    }

    public override BlockProfile Profile => _profile;

    /// <summary>The image records that a backing file belongs to it.</summary>
    protected virtual bool IsDifferencing => false;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        _disk.ReadAsync(offset, target, cancellationToken);

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        _disk.WriteAsync(offset, source, cancellationToken);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        _disk.WriteZeroesAsync(offset, bytes, flags, cancellationToken);

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        _context.DiscardUnmap && _disk.Cipher is null
            ? _disk.DiscardAsync(offset, bytes, cancellationToken)
            : ValueTask.CompletedTask;

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        _disk.GetStatusAsync(offset, bytes, cancellationToken);

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => _disk.FlushAsync(cancellationToken);

    public abstract ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken);

    public void SetBackingChild(IBlockChild? backing) => _disk.Backing = backing;

    public async ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        if (!_isReadOnly)
            await PrepareForReadingAsync(cancellationToken).ConfigureAwait(false);
        else if (!context.ReadOnly)
            await PrepareForWritingAsync(cancellationToken).ConfigureAwait(false);
        return new ReopenStep(this, context.ReadOnly);
    }

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = typeof(T) == typeof(IBackingChildHolder) && !IsDifferencing ? null : this as T;
        return facet is not null;
    }

    public override async ValueTask DisposeAsync()
    {
        try
        {
            if (!_isReadOnly)
                await _disk.CloseAsync().ConfigureAwait(false);
        }
        finally
        {
            _disk.Cipher?.Dispose();
        }
    }

    /// <summary>A writable image may be about to become one that is only read.</summary>
    protected virtual ValueTask PrepareForReadingAsync(CancellationToken cancellationToken) =>
        _disk.FlushAsync(cancellationToken);

    /// <summary>The image is about to become writable.</summary>
    /// <exception cref="BlockException">It can only be read.</exception>
    protected virtual ValueTask PrepareForWritingAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>The disk has another length.</summary>
    protected void RefreshProfile() => _profile = MakeProfile();

    private BlockProfile MakeProfile()
    {
        var native = _isReadOnly ? Support.None : Support.Native;
        // Zeroes in the file are something else when they are decrypted.
        var isEncrypted = _disk.Cipher is not null;
        return new()
        {
            Length = _disk.Length,
            Writable = !_isReadOnly,
            Flush = native,
            Fua = _isReadOnly ? Support.None : Support.Emulate,
            WriteZeroes = isEncrypted && !_isReadOnly ? Support.Emulate : native,
            WriteZeroesFlags = isEncrypted ? ZeroFlags.None : ZeroFlags.MayUnmap | ZeroFlags.NoFallback | ZeroFlags.Unchanged,
            Discard = native,
            Status = Support.Native,
            Limits = new BlockLimits
            {
                RequestAlignment = isEncrypted ? IDataCipher.SectorBytes : 1,
                OptimalTransfer = _disk.BlockSize,
            },
        };
    }

    private sealed class ReopenStep(DiskNode node, bool readOnly) : IReopenStep
    {
        public void Commit()
        {
            node._isReadOnly = readOnly;
            node.RefreshProfile();
        }

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
