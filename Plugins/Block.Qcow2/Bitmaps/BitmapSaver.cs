// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Bitmaps;

/// <summary>
/// Writes content, tables and directories of bitmaps into clusters that nothing refers to yet, and gives them back if
/// they come to nothing.
/// </summary>
internal sealed class BitmapSaver(Qcow2Image image)
{
    private const long ClustersAtOnce = 256;

    private readonly ClusterGeometry _geometry = image.Geometry;
    private readonly List<ClusterRun> _taken = [];
    private ClusterRun _stock;

    /// <returns>The entry that describes what was written; flags are left to the caller.</returns>
    public async ValueTask<BitmapEntry> SaveAsync(IDirtyBitmap bitmap, BitmapEntry? old, CancellationToken cancellationToken)
    {
        var granularityBits = System.Numerics.BitOperations.Log2((ulong)bitmap.Granularity);
        var clusters = _geometry.ClustersFor(BitmapEntry.ContentBytes(image.Length, granularityBits));
        var table = new ulong[clusters];
        using var buffer = image.Buffers.Rent(_geometry.ClusterSize);
        for (long i = 0; i < clusters; i++)
            table[i] = await SaveClusterAsync(
                bitmap, i, clusters, buffer.Memory[.._geometry.ClusterSize], cancellationToken).ConfigureAwait(false);
        var offset = await SaveTableAsync(TopTable.Encode(table), cancellationToken).ConfigureAwait(false);
        return new BitmapEntry(
            offset,
            table.Length,
            BitmapFlags.None,
            BitmapEntry.DirtyTracking,
            granularityBits,
            Encoding.UTF8.GetBytes(bitmap.Name!),
            old?.Extra ?? []);
    }

    /// <summary>Writes bits that will be changed in place: each has a cluster, whatever it holds.</summary>
    public async ValueTask<BitmapEntry> SaveAsync(JournalledBitmap bitmap, CancellationToken cancellationToken)
    {
        using var buffer = image.Buffers.Rent(_geometry.ClusterSize);
        var cluster = buffer.Memory[.._geometry.ClusterSize];
        var places = new ulong[_geometry.ClustersFor(bitmap.ContentBytes)];
        for (var i = 0; i < places.Length; i++)
        {
            bitmap.CopyCluster(i, cluster.Span);
            places[i] = await SaveClusterAsync(cluster, places.Length - i, cancellationToken).ConfigureAwait(false);
        }
        bitmap.Places = places;
        return bitmap.Describe(await SaveTableAsync(TopTable.Encode(places), cancellationToken).ConfigureAwait(false));
    }

    public async ValueTask<BitmapsExtension?> SaveDirectoryAsync(
        IReadOnlyList<BitmapEntry> entries, CancellationToken cancellationToken)
    {
        if (entries.Count == 0) return null;
        if (entries.Count > BitmapsExtension.MaxBitmaps)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Maximum number of persistent bitmaps is already reached");
        var bytes = BitmapEntry.EncodeDirectory(entries);
        if (bytes.Length > BitmapsExtension.MaxDirectorySize)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Not enough space in the bitmap directory");
        var offset = await SaveTableAsync(bytes, cancellationToken).ConfigureAwait(false);
        return new BitmapsExtension((uint)entries.Count, bytes.Length, offset);
    }

    /// <summary>All was written and is about to be referred to; what was allocated too much goes back.</summary>
    public async ValueTask KeepAsync()
    {
        await GiveBackAsync(_stock).ConfigureAwait(false);
        _stock = default;
    }

    /// <summary>Nothing of what was written will be used.</summary>
    public async ValueTask DropAsync()
    {
        await KeepAsync().ConfigureAwait(false);
        foreach (var run in _taken)
            await GiveBackAsync(run).ConfigureAwait(false);
        _taken.Clear();
    }

    private async ValueTask<ulong> SaveClusterAsync(
        IDirtyBitmap bitmap, long index, long clusters, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        // A node that is being resized may be a moment ahead of its bitmaps, or behind.
        var uniformity = bitmap.ReadBits(index << (_geometry.ClusterBits + 3), buffer.Span);
        if (uniformity == BitmapUniformity.AllClean) return 0;
        if (uniformity == BitmapUniformity.AllDirty && index < clusters) return BitmapEntry.AllOnes;
        return await SaveClusterAsync(buffer, clusters - index, cancellationToken).ConfigureAwait(false);
    }

    /// <param name="wanted">So many are still to come, this one included.</param>
    private async ValueTask<ulong> SaveClusterAsync(Memory<byte> content, long wanted, CancellationToken cancellationToken)
    {
        var offset = await TakeClusterAsync(wanted, cancellationToken).ConfigureAwait(false);
        image.Guard.CheckWrite(offset, content.Length);
        await image.File.WriteAsync(offset, content, cancellationToken: cancellationToken).ConfigureAwait(false);
        return (ulong)offset;
    }

    private async ValueTask<long> SaveTableAsync(byte[] bytes, CancellationToken cancellationToken)
    {
        var count = Math.Max(1, _geometry.ClustersFor(bytes.Length));
        var run = await image.ChangeAsync(
            () => image.Allocator.AllocateWholeAsync(count), cancellationToken).ConfigureAwait(false);
        _taken.Add(run);
        var offset = run.First << _geometry.ClusterBits;
        var padded = new byte[(bytes.Length + 511) & ~511];
        bytes.CopyTo(padded, 0);
        image.Guard.CheckWrite(offset, padded.Length);
        await image.File.WriteAsync(offset, padded, cancellationToken: cancellationToken).ConfigureAwait(false);
        return offset;
    }

    private async ValueTask<long> TakeClusterAsync(long wanted, CancellationToken cancellationToken)
    {
        if (_stock.Count == 0)
            _stock = await image.ChangeAsync(
                () => image.Allocator.AllocateAsync(Math.Min(wanted, ClustersAtOnce)), cancellationToken).ConfigureAwait(false);
        var first = _stock.First;
        _taken.Add(new ClusterRun(first, 1));
        _stock = _stock with { First = first + 1, Count = _stock.Count - 1 };
        return first << _geometry.ClusterBits;
    }

    private async ValueTask GiveBackAsync(ClusterRun run)
    {
        if (run.Count == 0) return;
        await image.ChangeAsync(
            async () =>
            {
                await image.Allocator.ReleaseAsync(run).ConfigureAwait(false);
                return true;
            },
            CancellationToken.None).ConfigureAwait(false);
    }
}
