// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Compaction;

/// <summary>
/// Moves the tables that the header names: refcount table, active L1 table, and the snapshot table with the L1 tables that it
/// names. Each is written elsewhere, and one sector of the header switches to it. In a quiet image.
/// </summary>
internal sealed class TopTableMover(Qcow2Image image, long limit)
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    /// <returns>Bytes moved.</returns>
    public async ValueTask<long> MoveAsync()
    {
        var moved = await MoveRefcountTableAsync().ConfigureAwait(false);
        if (moved == 0) moved = await MoveL1Async().ConfigureAwait(false);
        return moved == 0 ? await MoveSnapshotsAsync().ConfigureAwait(false) : moved;
    }

    private async ValueTask<long> MoveRefcountTableAsync()
    {
        var (header, table) = (image.Header.Current, image.Allocator.Table);
        var bytes = (long)header.RefcountTableClusters << _geometry.ClusterBits;
        if (await TryTakeAsync(header.RefcountTableOffset, bytes).ConfigureAwait(false) is not { } run) return 0;
        var offset = run.First << _geometry.ClusterBits;

        // Its own clusters may have taken a new block: it is written when that is in it.
        await SwitchAsync(
            run,
            () => TopTable.Encode(table.Entries),
            h => h with { RefcountTableOffset = offset }).ConfigureAwait(false);
        table.Replace(table.Snapshot(), offset);
        GiveUp(header.RefcountTableOffset, bytes, offset, MetadataKinds.RefcountTable);
        return bytes;
    }

    private async ValueTask<long> MoveL1Async()
    {
        var header = image.Header.Current;
        var bytes = (long)header.L1Entries * sizeof(ulong);
        if (await TryTakeAsync(header.L1Offset, bytes).ConfigureAwait(false) is not { } run) return 0;
        var offset = run.First << _geometry.ClusterBits;
        await SwitchAsync(run, () => TopTable.Encode(image.L1.Entries), h => h with { L1Offset = offset }).ConfigureAwait(false);
        image.L1.Replace(image.L1.Snapshot(), offset);
        GiveUp(header.L1Offset, bytes, offset, MetadataKinds.ActiveL1);
        return run.Count << _geometry.ClusterBits;
    }

    private async ValueTask<long> MoveSnapshotsAsync()
    {
        var snapshots = image.Snapshots.Select(s => s with { DiskSize = s.DiskSize ?? (ulong)image.Length }).ToList();
        var taken = new List<ClusterRun>();
        var gone = new List<(SnapshotEntry Old, int Index)>();
        try
        {
            for (var i = 0; i < snapshots.Count; i++)
            {
                var snapshot = snapshots[i];
                var bytes = (long)snapshot.L1Entries * sizeof(ulong);
                if (await TryTakeAsync(snapshot.L1Offset, bytes).ConfigureAwait(false) is not { } run) continue;
                taken.Add(run);
                await ClusterCopy.RunAsync(image, _geometry.ClusterIndex(snapshot.L1Offset), run).ConfigureAwait(false);
                gone.Add((snapshot, i));
                snapshots[i] = snapshot with { L1Offset = run.First << _geometry.ClusterBits };
            }
            if (!await TrySwitchSnapshotsAsync(snapshots, gone.Count > 0, taken).ConfigureAwait(false)) gone.Clear();
        }
        catch
        {
            await ReleaseAsync(taken).ConfigureAwait(false);
            throw;
        }
        foreach (var (old, i) in gone)
            GiveUp(old.L1Offset, (long)old.L1Entries * sizeof(ulong), snapshots[i].L1Offset, MetadataKinds.InactiveL1);
        return taken.Sum(r => r.Count) << _geometry.ClusterBits;
    }

    /// <returns>False: nothing has changed, and nothing is taken any more.</returns>
    private async ValueTask<bool> TrySwitchSnapshotsAsync(List<SnapshotEntry> snapshots, bool isWanted, List<ClusterRun> taken)
    {
        var bytes = SnapshotTable.Encode(snapshots, image.Length);
        var old = image.Header.Current.SnapshotsOffset;
        var table = await TryTakeAsync(old, bytes.Length).ConfigureAwait(false);

        // One that has a good place already is still to be written anew, for what it names.
        if (table is null && isWanted)
            table = await image.Allocator.TryAllocateBelowAsync(
                Math.Max(1, _geometry.ClustersFor(bytes.Length)), limit).ConfigureAwait(false);
        if (table is not { } run)
        {
            await ReleaseAsync(taken).ConfigureAwait(false);
            taken.Clear();
            return false;
        }
        taken.Add(run);
        var offset = run.First << _geometry.ClusterBits;
        await WriteAsync(run, bytes).ConfigureAwait(false);
        await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
        await image.ReplaceSnapshotsAsync(snapshots, offset).ConfigureAwait(false);
        return true;
    }

    /// <summary>A place before the present one, where that reaches behind the limit.</summary>
    private async ValueTask<ClusterRun?> TryTakeAsync(long offset, long bytes)
    {
        if (bytes == 0) return null;
        var old = new ClusterRun(_geometry.ClusterIndex(offset), _geometry.ClustersFor(bytes));
        return old.End <= limit ? null : await image.Allocator.TryAllocateBelowAsync(old.Count, old.First).ConfigureAwait(false);
    }

    private async ValueTask SwitchAsync(ClusterRun run, Func<byte[]> content, Func<Qcow2Header, Qcow2Header> change)
    {
        try
        {
            await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
            await WriteAsync(run, content()).ConfigureAwait(false);
            await image.File.FlushAsync().ConfigureAwait(false);
            await image.Header.UpdateAsync(change(image.Header.Current)).ConfigureAwait(false);
        }
        catch
        {
            await ReleaseAsync([run]).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The last cluster is written whole, so that it is in the file whole.</summary>
    private async ValueTask WriteAsync(ClusterRun run, byte[] content)
    {
        var padded = new byte[run.Count << _geometry.ClusterBits];
        content.CopyTo(padded, 0);
        image.Guard.CheckWrite(run.First << _geometry.ClusterBits, padded.Length);
        await image.File.WriteAsync(run.First << _geometry.ClusterBits, padded).ConfigureAwait(false);
    }

    private async ValueTask ReleaseAsync(List<ClusterRun> taken)
    {
        foreach (var run in taken) await image.Allocator.ReleaseAsync(run).ConfigureAwait(false);
    }

    private void GiveUp(long old, long bytes, long next, MetadataKinds kind)
    {
        image.Guard.RemoveTable(old, bytes, kind);
        image.Guard.AddTable(next, bytes, kind);
        image.Allocator.Retire(new ClusterRun(_geometry.ClusterIndex(old), _geometry.ClustersFor(bytes)));
    }
}
