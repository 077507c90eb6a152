// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using BlockHost.Block.Graph;

namespace BlockHost.Copying;

/// <summary>Queues of one backend for work that runs side by side: a queue is one caller's at a time.</summary>
public sealed class QueuePool(IBlockBackend backend) : IAsyncDisposable
{
    private readonly ConcurrentBag<IBlockQueue> _free = [];

    public Lease Rent() => new(this, _free.TryTake(out var queue) ? queue : backend.OpenQueue());

    /// <summary>Nothing is rented any more.</summary>
    public async ValueTask DisposeAsync()
    {
        while (_free.TryTake(out var queue))
            await queue.DisposeAsync().ConfigureAwait(false);
    }

    public readonly struct Lease(QueuePool pool, IBlockQueue queue) : IDisposable
    {
        public IBlockQueue Queue { get; } = queue;

        public void Dispose() => pool._free.Add(Queue);
    }
}
