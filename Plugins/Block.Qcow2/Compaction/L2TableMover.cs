// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Compaction;

/// <summary>Moves L2 tables, with all L1 tables that name them. In a quiet image.</summary>
/// <remarks>
/// <code>
/// copy, counted as often as the old table ─barrier─► L1 entries ─barrier─► old table given up
/// </code>
/// </remarks>
internal sealed class L2TableMover(Qcow2Image image, long limit)
{
    private const int StepBytes = 1 << 20;

    public async ValueTask<long> MoveAsync()
    {
        var geometry = image.Geometry;
        var walk = new L1Walk(image);
        var tables = await walk.ListL2Async().ConfigureAwait(false);
        var behind = tables.Keys.Where(o => geometry.ClusterIndex(o) >= limit).Order();
        var moved = new Dictionary<long, long>();
        var isNamed = false;
        try
        {
            foreach (var offset in behind.Take(Math.Max(1, StepBytes >> geometry.ClusterBits)))
            {
                if (await TryCopyAsync(offset, tables[offset]).ConfigureAwait(false) is not { } to) break;
                moved.Add(offset, to);
            }
            if (moved.Count == 0) return 0;
            await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
            isNamed = true;
            await walk.RenameAsync(moved).ConfigureAwait(false);
            await image.File.FlushAsync().ConfigureAwait(false);
        }
        catch when (!isNamed)
        {
            foreach (var to in moved.Values)
                await image.Allocator.SetRefcountAsync(geometry.ClusterIndex(to), 0).ConfigureAwait(false);
            throw;
        }
        foreach (var (from, to) in moved) GiveUp(from, to, tables[from]);
        return (long)moved.Count << geometry.ClusterBits;
    }

    private async ValueTask<long?> TryCopyAsync(long offset, L1Walk.Named named)
    {
        var geometry = image.Geometry;
        if (await image.Allocator.TryAllocateBelowAsync(1, limit).ConfigureAwait(false) is not { } run) return null;
        try
        {
            await image.Allocator.SetRefcountAsync(run.First, (ulong)named.Count).ConfigureAwait(false);
            using var buffer = image.Buffers.Rent(geometry.ClusterSize);
            var table = buffer.Memory[..geometry.ClusterSize];
            await image.File.ReadAsync(offset, table).ConfigureAwait(false);
            await image.WriteTableAsync(run.First << geometry.ClusterBits, table, named.IsActive).ConfigureAwait(false);
        }
        catch
        {
            await image.Allocator.SetRefcountAsync(run.First, 0).ConfigureAwait(false);
            throw;
        }
        return run.First << geometry.ClusterBits;
    }

    private void GiveUp(long from, long to, L1Walk.Named named)
    {
        var (old, next) = (image.Geometry.ClusterIndex(from), image.Geometry.ClusterIndex(to));
        if (named.IsActive)
        {
            image.Guard.RemoveMetadata(old, MetadataKinds.ActiveL2);
            image.Guard.AddMetadata(next, MetadataKinds.ActiveL2);
        }
        image.Guard.RemoveMetadata(old, MetadataKinds.InactiveL2);
        if (!named.IsActive || named.Count > 1) image.Guard.AddMetadata(next, MetadataKinds.InactiveL2);
        for (var i = 0; i < named.Count; i++) image.Allocator.Retire(new ClusterRun(old, 1));
    }
}
