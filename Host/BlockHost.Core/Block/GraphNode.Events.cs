// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Core.Block.Io;

namespace BlockHost.Core.Block;

/// <summary>
/// Events of the generic layer, at which faults are injected. A node that takes events is not written on the fast path:
/// <code>
///   pwritev_rmw_head ─ read ─ pwritev_rmw_after_head ─ …_tail ─ read ─ …_after_tail ─► pwritev ─ write ─ pwritev_done
///   flush_to_os ─ the driver writes what it holds back ─ flush_to_disk ─ flush below
/// </code>
/// </summary>
internal sealed partial class GraphNode
{
    private ValueTask FireAsync(BlkdebugEvent @event, CancellationToken cancellationToken) =>
        EventTarget is { } target ? target.OnEventAsync(@event, cancellationToken) : default;

    private ValueTask WriteAlignedAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        EventTarget is null || (flags & WriteFlags.Compressed) != 0
            ? WriteInPiecesAsync(offset, source, flags, cancellationToken)
            : WriteBetweenEventsAsync(offset, source, flags, cancellationToken);

    private async ValueTask WriteBetweenEventsAsync(
        long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        await FireAsync(BlkdebugEvent.Pwritev, cancellationToken).ConfigureAwait(false);
        try
        {
            await WriteInPiecesAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await FireAsync(BlkdebugEvent.PwritevDone, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask WriteZeroesBetweenEventsAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        await FireAsync(BlkdebugEvent.PwritevZero, cancellationToken).ConfigureAwait(false);
        try
        {
            await WriteZeroesInPiecesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await FireAsync(BlkdebugEvent.PwritevDone, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Around the read of the first block of an unaligned write, of its last, or of the one that is both.</summary>
    private async ValueTask FireCompletionAsync(
        AlignedRange range, bool head, bool tail, bool isRead, CancellationToken cancellationToken)
    {
        if (EventTarget is null)
            return;
        if (head && range.Head > 0)
            await FireAsync(
                isRead ? BlkdebugEvent.PwritevRmwAfterHead : BlkdebugEvent.PwritevRmwHead,
                cancellationToken).ConfigureAwait(false);
        if (tail && range.Tail > 0)
            await FireAsync(
                isRead ? BlkdebugEvent.PwritevRmwAfterTail : BlkdebugEvent.PwritevRmwTail,
                cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask FlushAfterEventAsync(IBlockEventTarget storage, CancellationToken cancellationToken)
    {
        await storage.OnEventAsync(BlkdebugEvent.FlushToOs, cancellationToken).ConfigureAwait(false);
        await FlushDriverAsync(cancellationToken).ConfigureAwait(false);
    }
}
