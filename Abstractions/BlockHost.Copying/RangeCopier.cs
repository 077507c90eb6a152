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
public sealed class RangeCopier(QueuePool source, QueuePool target, IIoBufferPool buffers, bool unmap)
{
    /// <param name="bytes">At most what a buffer is to hold.</param>
    public async ValueTask<CopyResult> CopyAsync(long offset, long bytes)
    {
        using var from = source.Rent();
        using var to = target.Rent();
        for (var end = offset + bytes; offset < end;)
        {
            var run = await from.Queue.GetStatusAsync(offset, end - offset).ConfigureAwait(false);
            // Where the state cannot be told, the data still can be read.
            var length = run.Status.IsOk ? Math.Min(run.Bytes, end - offset) : end - offset;
            var result = run.Status.IsOk && (run.Flags & BlockStatusFlags.Zero) != 0
                ? new CopyResult(await to.Queue.WriteZeroesAsync(offset, length, unmap ? ZeroFlags.MayUnmap : ZeroFlags.None).ConfigureAwait(false), IsRead: false)
                : await CopyDataAsync(from.Queue, to.Queue, offset, length).ConfigureAwait(false);
            if (!result.Status.IsOk)
                return result;
            offset += length;
        }

        return CopyResult.Ok;
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
