// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Snapshots;

/// <summary>Tables that nothing names yet: unless they are kept, their clusters are given back.</summary>
internal sealed class NewTables(Qcow2Image image) : IAsyncDisposable
{
    private readonly List<ClusterRun> _runs = [];

    /// <returns>The table's offset; 0: an empty one needs no place.</returns>
    public async ValueTask<long> AddAsync(byte[] table)
    {
        if (table.Length == 0) return 0;
        var run = await image.Allocator.AllocateWholeAsync(image.Geometry.ClustersFor(table.Length)).ConfigureAwait(false);
        _runs.Add(run);
        var offset = run.First << image.Geometry.ClusterBits;

        // The last cluster is written whole, so that it is in the file whole.
        var padded = new byte[run.Count << image.Geometry.ClusterBits];
        table.CopyTo(padded, 0);
        await image.File.WriteAsync(offset, padded).ConfigureAwait(false);
        return offset;
    }

    /// <summary>The tables, and their refcounts, are durable and about to be named.</summary>
    public void Keep() => _runs.Clear();

    public async ValueTask DisposeAsync()
    {
        foreach (var run in _runs) await image.Allocator.ReleaseAsync(run).ConfigureAwait(false);
    }
}
