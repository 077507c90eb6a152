// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block;

/// <summary>Reads that somebody wants to wait for. A node whose reads nobody tracks pays nothing.</summary>
internal sealed partial class GraphNode
{
    private readonly RangeLock _reads = new();
    private int _readTrackers;

    public IReadTracker TrackReads()
    {
        Interlocked.Increment(ref _readTrackers);
        RefreshProfile();
        return new ReadTracker(this);
    }

    private bool TracksReads => Volatile.Read(ref _readTrackers) > 0;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadTrackedAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        using var hold = await _reads.EnterAsync(offset, target.Length, exclusive: false).ConfigureAwait(false);
        await ReadSlowlyAsync(offset, target, flags, cancellationToken).ConfigureAwait(false);
    }

    private sealed class ReadTracker(GraphNode node) : IReadTracker
    {
        private int _ended;

        public async ValueTask WhenPastAsync(long offset, long bytes)
        {
            using var hold = await node._reads.EnterAsync(offset, bytes, exclusive: true).ConfigureAwait(false);
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _ended, 1) != 0)
                return;
            Interlocked.Decrement(ref node._readTrackers);
            if (node._node is not null && !node.IsClosed)
                node.RefreshProfile();
        }
    }
}
