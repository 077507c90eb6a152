// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>The extents of a block status request, by context id.</summary>
internal sealed record StatusAnswer(IReadOnlyList<(uint Context, IReadOnlyList<Extent> Extents)> Lists);

/// <summary>
/// Requests that take several steps on the backend: block status, prefetching, durable discards. They run one after
/// another on a queue of their own, off the loop.
/// </summary>
internal sealed class SlowRequests(NbdExport export) : IAsyncDisposable
{
    /// <summary>More than any client asks for at once, and little enough to be sent at once.</summary>
    public const int MaxExtents = 4096;

    private const int PrefetchStep = 1 << 20;

    private readonly SemaphoreSlim _turn = new(1);
    private IBlockQueue? _queue;

    private IBlockQueue Queue => _queue ??= export.Backend.OpenQueue();

    public async ValueTask<IoStatus> RunAsync(RequestSlot slot, ImmutableSortedSet<uint> contexts)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            var request = slot.Request;
            return request.Command switch
            {
                NbdCommand.Trim => await DiscardDurablyAsync((long)request.Offset, request.Length).ConfigureAwait(false),
                NbdCommand.Cache => await PrefetchAsync((long)request.Offset, request.Length).ConfigureAwait(false),
                _ => await StatusAsync(slot, contexts).ConfigureAwait(false),
            };
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_queue is not null)
            await _queue.DisposeAsync().ConfigureAwait(false);
        _turn.Dispose();
    }

    private async ValueTask<IoStatus> DiscardDurablyAsync(long offset, uint bytes)
    {
        var status = await Queue.DiscardAsync(offset, bytes).ConfigureAwait(false);
        return status.IsOk ? await Queue.FlushAsync().ConfigureAwait(false) : status;
    }

    private async ValueTask<IoStatus> PrefetchAsync(long offset, uint bytes)
    {
        using var buffer = export.Buffers.Rent((int)Math.Min(bytes, PrefetchStep));
        var target = buffer.Memory;
        for (var done = 0u; done < bytes;)
        {
            var n = (int)Math.Min(bytes - done, (uint)target.Length);
            var status = await Queue.ReadAsync(offset + done, new IoSlice(target[..n]), ReadFlags.Prefetch).ConfigureAwait(false);
            if (!status.IsOk)
                return status;
            done += (uint)n;
        }

        return IoStatus.Ok;
    }

    private async ValueTask<IoStatus> StatusAsync(RequestSlot slot, ImmutableSortedSet<uint> contexts)
    {
        var lists = new List<(uint, IReadOnlyList<Extent>)>();
        foreach (var context in contexts)
        {
            var extents = new ExtentList((slot.Request.Flags & CommandFlags.RequestOne) != 0 ? 1 : MaxExtents);
            var status = context >= MetaContexts.FirstBitmap
                ? CollectDirty(slot.Request, export.DirtyBitmaps[(int)(context - MetaContexts.FirstBitmap)], extents)
                : await CollectAsync(slot.Request, context, extents).ConfigureAwait(false);
            if (!status.IsOk)
                return status;
            lists.Add((context, extents.Extents));
        }

        slot.Extents = new StatusAnswer(lists);
        return IoStatus.Ok;
    }

    private async ValueTask<IoStatus> CollectAsync(NbdRequest request, uint context, ExtentList extents)
    {
        var precision = context == MetaContexts.AllocationDepth ? StatusPrecision.AllocationOnly : StatusPrecision.WantZero;
        for (var done = 0u; done < request.Length;)
        {
            var left = request.Length - done;
            var found = await Queue.GetStatusAsync((long)request.Offset + done, left, precision).ConfigureAwait(false);
            if (!found.Status.IsOk)
                return found.Status;
            var bytes = (uint)Math.Clamp(found.Bytes, 1, left);
            var flags = context == MetaContexts.AllocationDepth ? DepthOf(found) : (uint)AllocationOf(found.Flags);
            if (!extents.TryAdd(bytes, flags))
                break;
            done += bytes;
        }

        return IoStatus.Ok;
    }

    private static IoStatus CollectDirty(NbdRequest request, IDirtyBitmap bitmap, ExtentList extents)
    {
        for (var done = 0u; done < request.Length;)
        {
            var run = bitmap.GetRun((long)request.Offset + done, request.Length - done);
            if (!extents.TryAdd((uint)run.Bytes, (uint)(run.Dirty ? DirtyFlags.Dirty : DirtyFlags.Clean)))
                break;
            done += (uint)run.Bytes;
        }

        return IoStatus.Ok;
    }

    private static AllocationFlags AllocationOf(BlockStatusFlags flags) =>
        ((flags & BlockStatusFlags.Data) == 0 ? AllocationFlags.Hole : AllocationFlags.Data)
        | ((flags & BlockStatusFlags.Zero) != 0 ? AllocationFlags.Zero : AllocationFlags.Data);

    /// <summary>1: the node itself, 2: its backing file, …; 0: no layer.</summary>
    private static uint DepthOf(in ChainStatus found) =>
        (found.Flags & BlockStatusFlags.Allocated) != 0 ? (uint)found.Depth + 1 : 0;
}
