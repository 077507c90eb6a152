// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Snapshots;

/// <summary>Takes or gives up references to many clusters at once. Under the metadata lock, flushes paused.</summary>
internal sealed class ReferenceChange(Qcow2Image image)
{
    private readonly List<ClusterRun> _freed = [];

    /// <summary>Refuses before anything is changed: a count would not fit its width.</summary>
    public async ValueTask CheckAddAsync(MappedClusters clusters)
    {
        foreach (var (cluster, count) in clusters.All)
        {
            var held = await image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false);
            if (held > image.Geometry.MaxRefcount - Math.Min(count, image.Geometry.MaxRefcount))
                throw new BlockException(
                    BlockErrorKind.InvalidArgument, "A cluster has as many references as its refcount can count");
        }
    }

    public async ValueTask AddAsync(MappedClusters clusters)
    {
        foreach (var (cluster, count) in clusters.All)
            await image.Allocator.SetRefcountAsync(
                cluster, await image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false) + count).ConfigureAwait(false);
    }

    public async ValueTask DropAsync(MappedClusters clusters)
    {
        foreach (var (cluster, count) in clusters.All)
            await DropAsync(cluster, count).ConfigureAwait(false);
    }

    public async ValueTask DropTableAsync(long offset, long bytes)
    {
        var first = image.Geometry.ClusterIndex(offset);
        for (var i = 0L; i < image.Geometry.ClustersFor(bytes); i++)
            await DropAsync(first + i, 1).ConfigureAwait(false);
    }

    /// <summary>Makes the counts durable; only then is what became free given back to the storage.</summary>
    public async ValueTask SyncAsync()
    {
        await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
        var freed = image.Settings.PassDiscardSnapshot ? _freed.ToArray() : [];
        _freed.Clear();
        foreach (var run in freed)
        {
            try
            {
                await image.File.DiscardAsync(
                    run.First << image.Geometry.ClusterBits, run.Count << image.Geometry.ClusterBits).ConfigureAwait(false);
            }
            catch (BlockException)
            {
                // Only a wish: the clusters are free in any case.
            }
        }
    }

    private async ValueTask DropAsync(long cluster, ulong count)
    {
        var held = await image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false);
        if (held == 0) return;
        await image.Allocator.SetRefcountAsync(cluster, held - Math.Min(held, count)).ConfigureAwait(false);
        if (held > count) return;
        if (_freed.Count > 0 && _freed[^1].End == cluster)
            _freed[^1] = _freed[^1] with { Count = _freed[^1].Count + 1 };
        else
            _freed.Add(new ClusterRun(cluster, 1));
    }
}
