// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>Compresses one cluster after the other; not from two threads at once.</summary>
internal abstract class ClusterPacker : IDisposable
{
    public static ClusterPacker Create(CompressionType type) =>
        type == CompressionType.Zstd ? new ZstdPacker() : new DeflatePacker();

    /// <returns>Bytes of <paramref name="packed"/>; 0 when the content does not fit into it.</returns>
    public abstract int TryPack(ReadOnlySpan<byte> content, Span<byte> packed);

    public virtual void Dispose()
    {
    }
}

internal sealed class DeflatePacker : ClusterPacker
{
    public override int TryPack(ReadOnlySpan<byte> content, Span<byte> packed) => Zlib.TryDeflate(content, packed);
}

/// <summary>Zstandard at its default level, as QEMU uses it.</summary>
internal sealed class ZstdPacker : ClusterPacker
{
    private nint _context = Zstd.CreateCompressor();

    public override int TryPack(ReadOnlySpan<byte> content, Span<byte> packed) => Zstd.TryCompress(_context, content, packed);

    public override void Dispose()
    {
        Zstd.FreeCompressor(_context);
        _context = 0;
    }
}

/// <summary>Packs the clusters of a batch on all processors. The packers are kept, because setting one up is dear.</summary>
internal sealed class ClusterPackers(CompressionType type) : IDisposable
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
        for (var i = 0; i < workers.Length; i++) workers[i] = Task.Run(Work);
        await Task.WhenAll(workers).ConfigureAwait(false);
        return sizes;

        void Work()
        {
            var packer = _idle.TryTake(out var idle) ? idle : ClusterPacker.Create(type);
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
        while (_idle.TryTake(out var packer)) packer.Dispose();
    }
}
