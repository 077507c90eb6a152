// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Filter.Blklogwrites;

/// <summary>
/// What changes the image goes to the log first, and to the image then: what the log lacks has not happened. Of writes that
/// overlap the log has the order in which the image got them.
/// </summary>
internal sealed class BlklogwritesNode : BlockFilterNode, IResizable
{
    private readonly WriteLog _log;
    private readonly RangeLock _order = new();
    private long _changes;
    private long _flushed;

    internal BlklogwritesNode(IBlockChild file, WriteLog log)
        : base(file)
    {
        _log = log;
    }

    /// <summary>A plain name would open the image without its log.</summary>
    public override string? FileName => null;

    public override async ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        using var hold = await _order.EnterAsync(offset, source.Length, exclusive: true).ConfigureAwait(false);
        await _log.WriteAsync(offset, source, cancellationToken).ConfigureAwait(false);
        Interlocked.Increment(ref _changes);
        await Child.WriteAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        using var hold = await _order.EnterAsync(offset, bytes, exclusive: true).ConfigureAwait(false);
        await _log.WriteZeroesAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        Interlocked.Increment(ref _changes);
        await Child.WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        using var hold = await _order.EnterAsync(offset, bytes, exclusive: true).ConfigureAwait(false);
        await _log.DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        Interlocked.Increment(ref _changes);
        await Child.DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// The log tells of it when it has worked, and as in QEMU only where something has changed since the last one.
    /// </summary>
    public override async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        var changes = Volatile.Read(ref _changes);
        await Child.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (Volatile.Read(ref _flushed) == changes)
            return;
        await _log.FlushAsync(cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _flushed, changes);
    }

    /// <summary>The log's form has no entry for it.</summary>
    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        await Child.ResizeAsync(length, options, cancellationToken).ConfigureAwait(false);
        Interlocked.Increment(ref _changes);
    }

    /// <summary>Everything that changes the image is seen here, in whole sectors of the log.</summary>
    protected override BlockProfile ProfileOver(BlockProfile child, long length) => child with
    {
        Length = length,
        Limits = child.Limits with { RequestAlignment = Math.Max(_log.SectorSize, child.Limits.RequestAlignment) },
        Flush = Support.Native,
        Fua = Support.Emulate,
        WriteZeroes = Support.Native,
        WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.Unchanged,
        Discard = Support.Native,
        Status = Support.Native,
    };
}
