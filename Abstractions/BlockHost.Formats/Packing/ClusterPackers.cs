// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;

namespace BlockHost.Formats.Packing;

/// <summary>Packs the clusters of a batch on all processors. The packers are kept, because setting one up is dear.</summary>
/// <param name="create">Makes one more.</param>
public sealed class ClusterPackers(Func<ClusterPacker> create) : IDisposable
{
    private readonly ConcurrentBag<ClusterPacker> _idle = [];

    /// <param name="content">Whole clusters.</param>
    /// <param name="packed">As large; each cluster's bytes go to the cluster's own place.</param>
    /// <returns>For each cluster its packed bytes, fewer than a cluster; 0: better stored plain.</returns>
    public async ValueTask<int[]> PackAsync(Memory<byte> content, Memory<byte> packed, int clusterSize)
    {
        var sizes = new int[content.Length / clusterSize];
        var next = -1;
        var workers = new Task[Math.Min(sizes.Length, Environment.ProcessorCount)];

        // Always on threads of the pool: the caller's may be one that other requests wait for.
        for (var i = 0; i < workers.Length; i++)
            workers[i] = Task.Run(Work);
        await Task.WhenAll(workers).ConfigureAwait(false);
        return sizes;

        void Work()
        {
            var packer = _idle.TryTake(out var idle) ? idle : create();
            for (int i; (i = Interlocked.Increment(ref next)) < sizes.Length;)
            {
                var at = i * clusterSize;
                sizes[i] = packer.TryPack(content.Span.Slice(at, clusterSize), packed.Span.Slice(at, clusterSize - 1));
            }

            _idle.Add(packer);
        }
    }

    public void Dispose()
    {
        while (_idle.TryTake(out var packer))
            packer.Dispose();
    }
}
