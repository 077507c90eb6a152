// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Filter.CopyOnRead;

/// <summary>
/// Reads what the image has from the image; the rest is read from the layers below and written into the image on the way.
/// <code>
///   read ─► status of the chain ─┬─ the image's own: read it
///                                └─ from below: keep writes out ─► read whole clusters ─► write them unchanged ─► answer
/// </code>
/// </summary>
internal sealed class CopyOnReadNode : BlockFilterNode, IResizable
{
    /// <summary>Largest piece that is copied at once.</summary>
    private const int LargestCopy = 1 << 20;

    private readonly IBlockNodeContext _context;
    private readonly CopiedLayers _layers;
    private readonly long _clusterSize;
    private readonly RangeLock _order = new();

    public CopyOnReadNode(IBlockNodeContext context, IBlockChild child, CopiedLayers layers, long clusterSize)
        : base(child)
    {
        _context = context;
        _layers = layers;
        _clusterSize = Math.Max(1, clusterSize);
    }

    /// <summary>A plain name would open the image without copying.</summary>
    public override string? FileName => null;

    public override async ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        for (var done = 0L; done < target.Length;)
        {
            var (bytes, copy) = await NextRunAsync(offset + done, target.Length - done, cancellationToken).ConfigureAwait(false);
            var piece = target.Slice(done, bytes);
            if (copy)
                await CopyAsync(offset + done, piece, flags, cancellationToken).ConfigureAwait(false);
            else if ((flags & ReadFlags.Prefetch) == 0)
                await Child.ReadAsync(offset + done, piece, flags, cancellationToken).ConfigureAwait(false);
            done += bytes;
        }
    }

    public override async ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        using var turn = await _order.EnterAsync(offset, source.Length, exclusive: false).ConfigureAwait(false);
        await Child.WriteAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        using var turn = await _order.EnterAsync(offset, bytes, exclusive: false).ConfigureAwait(false);
        await Child.WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        using var turn = await _order.EnterAsync(offset, bytes, exclusive: false).ConfigureAwait(false);
        await Child.DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) =>
        Child.ResizeAsync(length, options, cancellationToken);

    /// <summary>
    /// Copies go to the image whatever its users do, and nobody beside this filter may write it: their writes would not be
    /// ordered with the copies. Without users there are no copies: a filter can be put under the users of an image.
    /// </summary>
    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own)
    {
        var needed = own.Needed | (_context.ReadOnly ? BlockPermissions.None : BlockPermissions.WriteUnchanged);
        return new(needed, own.Needed == BlockPermissions.None ? own.Shared : own.Shared & ~BlockPermissions.Write);
    }

    /// <summary>
    /// How far the state of the chain stays as it is at <paramref name="offset"/>, and whether that run is to be copied.
    /// </summary>
    private async ValueTask<(long Bytes, bool Copy)> NextRunAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        if (_context.ReadOnly)
            return (bytes, false);
        var status = await Child.GetChainStatusAsync(
            offset, bytes, StatusPrecision.AllocationOnly, cancellationToken).ConfigureAwait(false);
        if (!status.Status.IsOk)
            throw new BlockException(BlockErrorKind.Io, $"Cannot tell where the data at {offset} is stored", status.Status.Errno)
            { Offset = offset };
        return (Math.Min(status.Bytes, bytes), _layers.Contain(status));
    }

    /// <summary>Copies the clusters that hold the range, a piece at a time.</summary>
    private async ValueTask CopyAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        var wanted = (flags & ReadFlags.Prefetch) != 0 ? IoSlice.Empty : target;
        var end = Math.Min(RoundUp(offset + target.Length), Math.Max(offset + target.Length, Child.Length));
        var step = Math.Max(_clusterSize, LargestCopy / _clusterSize * _clusterSize);
        for (var start = offset - (offset % _clusterSize); start < end; start += step)
        {
            var pieceEnd = Math.Min(end, start + step);
            using var turn = await _order.EnterAsync(start, pieceEnd - start, exclusive: true).ConfigureAwait(false);
            await CopyInTurnAsync(start, pieceEnd, new Answer(offset, wanted), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Looks again what is to be copied, now that nobody can write there.</summary>
    private async ValueTask CopyInTurnAsync(long start, long end, Answer answer, CancellationToken cancellationToken)
    {
        using var buffer = _context.Host.Buffers.Rent((int)(end - start));
        for (var at = start; at < end;)
        {
            var (bytes, copy) = await NextRunAsync(at, end - at, cancellationToken).ConfigureAwait(false);
            var piece = buffer.Memory[..(int)bytes];
            if (copy || answer.Wants(at, bytes))
                await Child.ReadAsync(at, piece, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            if (copy)
                await StoreAsync(at, piece, cancellationToken).ConfigureAwait(false);
            answer.Take(at, piece.Span);
            at += bytes;
        }
    }

    private ValueTask StoreAsync(long offset, IoSlice data, CancellationToken cancellationToken) => data.IsZero()
        ? Child.WriteZeroesAsync(offset, data.Length, ZeroFlags.Unchanged, cancellationToken)
        : Child.WriteAsync(BlkdebugEvent.CorWrite, offset, data, WriteFlags.Unchanged, cancellationToken);

    private long RoundUp(long offset) => offset % _clusterSize is 0 ? offset : offset - (offset % _clusterSize) + _clusterSize;

    /// <summary>What the child lacks the host emulates there.</summary>
    protected override BlockProfile ProfileOver(BlockProfile child, long length) => new()
    {
        Length = length,
        Limits = child.Limits with { RequestAlignment = 1 },
        Writable = child.Writable && !_context.ReadOnly,
        Growable = child.Growable,
        Flush = Support.Native,
        Fua = Support.Native,
        WriteZeroes = Support.Native,
        WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.NoFallback | ZeroFlags.Fua | ZeroFlags.Unchanged,
        Discard = _context.DiscardUnmap ? Support.Native : Support.None,
        Status = Support.Native,
        Concurrency = Concurrency.Parallel,
    };

    /// <summary>The part of a copied piece that the reader asked for.</summary>
    private readonly record struct Answer(long Offset, IoSlice Target)
    {
        public bool Wants(long at, long bytes) => at < Offset + Target.Length && Offset < at + bytes;

        public void Take(long at, ReadOnlySpan<byte> data)
        {
            if (!Wants(at, data.Length))
                return;
            var from = Math.Max(at, Offset);
            var to = Math.Min(at + data.Length, Offset + Target.Length);
            Target.Slice(from - Offset, to - from).CopyFrom(data[(int)(from - at)..(int)(to - at)]);
        }
    }
}
