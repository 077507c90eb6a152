// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Bitmaps;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Compaction;

/// <summary>How full an image is, and where everything would end if it had no holes.</summary>
/// <param name="Used">Clusters in use.</param>
/// <param name="End">One more than the last of them.</param>
/// <param name="Limit">What lies in one cluster at or behind this is to go before it.</param>
/// <param name="Behind">Clusters in use there.</param>
internal readonly record struct SpaceSurvey(long Used, long End, long Limit, long Behind)
{
    /// <summary>There is something to gain.</summary>
    public bool HasHoles => Used < End;

    public static async ValueTask<SpaceSurvey> TakeAsync(Qcow2Image image, CancellationToken cancellationToken)
    {
        var (used, end) = await CountAsync(image, 0, cancellationToken).ConfigureAwait(false);
        var tables = await ListTablesAsync(image, cancellationToken).ConfigureAwait(false);

        // Tables of several clusters need them in one piece: there is one right behind all else.
        var limit = used;
        while (used - tables.Where(t => t.End > limit).Sum(t => t.Count) is var next && next < limit) limit = next;
        var (behind, _) = await CountAsync(image, limit, cancellationToken).ConfigureAwait(false);
        return new SpaceSurvey(used, end, limit, behind);
    }

    /// <summary>Clusters in use from one on, and where they end.</summary>
    private static async ValueTask<(long Used, long End)> CountAsync(
        Qcow2Image image, long from, CancellationToken cancellationToken)
    {
        var geometry = image.Geometry;
        var (count, end) = (0L, 0L);
        for (var cluster = from; geometry.RefcountTableIndex(cluster) < image.Allocator.Table.Count;)
        {
            using (await image.Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
            {
                var counts = await image.Allocator.GetRefcountsAsync(cluster).ConfigureAwait(false);
                for (var i = 0; i < counts.Count;)
                {
                    var free = counts.CountEqual(i, counts.Count - i, 0);
                    i += free;
                    if (i == counts.Count) break;
                    var used = counts.CountUsed(i, counts.Count - i);
                    i += used;
                    count += used;
                    end = cluster + i;
                }
                cluster += counts.Count;
            }
        }
        return (count, end);
    }

    /// <summary>Tables of several clusters.</summary>
    private static async ValueTask<List<ClusterRun>> ListTablesAsync(Qcow2Image image, CancellationToken cancellationToken)
    {
        var (header, geometry) = (image.Header.Current, image.Geometry);
        var tables = new List<ClusterRun>();
        Add(header.L1Offset, (long)header.L1Entries * sizeof(ulong));
        Add(header.RefcountTableOffset, (long)header.RefcountTableClusters << geometry.ClusterBits);
        Add(header.SnapshotsOffset, image.SnapshotTableBytes);
        foreach (var snapshot in image.Snapshots) Add(snapshot.L1Offset, (long)snapshot.L1Entries * sizeof(ulong));
        if (BitmapDirectory.Place(header) is not { } place) return tables;
        Add(place.DirectoryOffset, place.DirectorySize);
        foreach (var entry in await BitmapDirectory.LoadAsync(image, cancellationToken).ConfigureAwait(false))
            Add(entry.TableOffset, (long)entry.TableEntries * sizeof(ulong));
        return tables;

        void Add(long offset, long bytes)
        {
            if (bytes <= geometry.ClusterSize) return;
            tables.Add(new ClusterRun(geometry.ClusterIndex(offset), geometry.ClustersFor(bytes)));
        }
    }
}
