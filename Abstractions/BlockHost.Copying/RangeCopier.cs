// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Copying;

/// <summary>How the copy of a range ended.</summary>
public readonly record struct CopyResult(IoStatus Status, bool IsRead)
{
    public static CopyResult Ok => new(IoStatus.Ok, IsRead: false);
}

/// <summary>Copies ranges from one backend to another: data as data, zeroes and holes as such.</summary>
/// <param name="unmap">Zeroes may become holes.</param>
/// <param name="largestRead">Bytes of data that are read at once at the most.</param>
public sealed class RangeCopier(
    QueuePool source, QueuePool target, IIoBufferPool buffers, bool unmap, long largestRead = int.MaxValue)
{
    /// <summary>Looks first at what is data and what reads as zeroes.</summary>
    public async ValueTask<CopyResult> CopyAsync(long offset, long bytes)
    {
        using var from = source.Rent();
        using var to = target.Rent();
        for (var end = offset + bytes; offset < end;)
        {
            var run = await from.Queue.GetStatusAsync(offset, end - offset).ConfigureAwait(false);
            // Where the state cannot be told, the data still can be read.
            var isZero = run.Status.IsOk && (run.Flags & BlockStatusFlags.Zero) != 0;
            var length = run.Status.IsOk ? Math.Min(run.Bytes, end - offset) : end - offset;
            if (!isZero)
                length = Math.Min(length, largestRead);
            var result = isZero
                ? new CopyResult(
                    await to.Queue.WriteZeroesAsync(
                        offset, length, unmap ? ZeroFlags.MayUnmap : ZeroFlags.None).ConfigureAwait(false),
                    IsRead: false)
                : await CopyDataAsync(from.Queue, to.Queue, offset, length).ConfigureAwait(false);
            if (!result.Status.IsOk)
                return result;
            offset += length;
        }

        return CopyResult.Ok;
    }

    /// <summary>Copies what is known to be data, all at once.</summary>
    public async ValueTask<CopyResult> CopyDataAsync(long offset, long bytes)
    {
        using var from = source.Rent();
        using var to = target.Rent();
        return await CopyDataAsync(from.Queue, to.Queue, offset, bytes).ConfigureAwait(false);
    }

    private async ValueTask<CopyResult> CopyDataAsync(IBlockQueue from, IBlockQueue to, long offset, long bytes)
    {
        using var buffer = buffers.Rent((int)bytes);
        var status = await from.ReadAsync(offset, buffer.Memory).ConfigureAwait(false);
        return status.IsOk
            ? new(await to.WriteAsync(offset, buffer.Memory).ConfigureAwait(false), IsRead: false)
            : new(status, IsRead: true);
    }
}
