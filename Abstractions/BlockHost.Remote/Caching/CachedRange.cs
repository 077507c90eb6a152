// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins;
using BlockHost.Remote.Transfers;
using Microsoft.Extensions.Logging;

namespace BlockHost.Remote.Caching;

/// <summary>
/// Reads from a cache file what that has, fetches the rest in whole blocks and stores it. Where the file cannot be written any
/// more, or be read, everything is fetched.
/// </summary>
internal sealed class CachedRange(IByteRange below, CacheFile file, IDriverHost host, ILogger logger) : IByteRange, IDisposable
{
    private const int BlockSize = CacheLayout.BlockSize;
    private const int MaxBlocksAtOnce = 32;

    private int _isFull;

    public long Length => below.Length;

    public async ValueTask ReadAsync(long offset, IoSlice target, CancellationToken cancellationToken)
    {
        var end = offset + target.Length;
        for (var at = offset; at < end;)
        {
            var first = at / BlockSize;
            var part = target.Slice(at - offset);
            var next = await ReadCachedAsync(first, at, part, cancellationToken).ConfigureAwait(false);
            if (next == at)
            {
                var blocks = await MissingAsync(first, end, cancellationToken).ConfigureAwait(false);
                next = await FetchAsync(first, blocks, at, part, cancellationToken).ConfigureAwait(false);
            }

            at = next;
        }
    }

    public void Dispose() => file.Dispose();

    /// <returns>Where it goes on; the place where it began: the block is not there.</returns>
    private async ValueTask<long> ReadCachedAsync(long block, long at, IoSlice target, CancellationToken cancellationToken)
    {
        using var buffer = host.Buffers.Rent(BlockSize);
        var data = buffer.Memory[..SizeOf(block)];
        try
        {
            if (!await file.TryReadAsync(block, data, cancellationToken).ConfigureAwait(false))
                return at;
        }
        catch (IOException)
        {
            return at;
        }

        return Copy(block * BlockSize, data.Span, at, target);
    }

    /// <summary>Blocks in a row, the first among them, that have to be fetched.</summary>
    private async ValueTask<int> MissingAsync(long first, long end, CancellationToken cancellationToken)
    {
        var count = 1;
        try
        {
            while (count < MaxBlocksAtOnce && (first + count) * BlockSize < end
                && !await file.MayHaveAsync(first + count, cancellationToken).ConfigureAwait(false))
                count++;
        }
        catch (IOException)
        {
            // Then the first block alone.
        }

        return count;
    }

    private async ValueTask<long> FetchAsync(
        long first, int blocks, long at, IoSlice target, CancellationToken cancellationToken)
    {
        var start = first * BlockSize;
        var bytes = (int)Math.Min((long)blocks * BlockSize, Length - start);
        using var buffer = host.Buffers.Rent(bytes);
        var data = buffer.Memory[..bytes];
        await below.ReadAsync(start, data, cancellationToken).ConfigureAwait(false);
        var next = Copy(start, data.Span, at, target);
        for (var block = first; block < first + blocks && Volatile.Read(ref _isFull) == 0; block++)
            await StoreAsync(block, data.Slice((int)((block - first) * BlockSize), SizeOf(block)), cancellationToken)
                .ConfigureAwait(false);
        return next;
    }

    private async ValueTask StoreAsync(long block, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        try
        {
            await file.StoreAsync(block, data, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            if (Interlocked.Exchange(ref _isFull, 1) == 0)
                RemoteLog.CacheFull(logger, e.Message);
        }
    }

    private static long Copy(long start, ReadOnlySpan<byte> data, long at, IoSlice target)
    {
        var from = (int)(at - start);
        var bytes = (int)Math.Min(data.Length - from, target.Length);
        target.CopyFrom(data.Slice(from, bytes));
        return at + bytes;
    }

    private int SizeOf(long block) => (int)Math.Min(BlockSize, Length - (block * BlockSize));
}
