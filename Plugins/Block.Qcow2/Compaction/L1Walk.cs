// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Compaction;

/// <summary>
/// The L1 tables of an image, the active one and those of its snapshots, and the L2 tables they name, each once, with how many
/// entries name it. In a quiet image, so that all is on disk.
/// </summary>
internal sealed class L1Walk(Qcow2Image image)
{
    /// <param name="Count">L1 entries that name the table.</param>
    /// <param name="IsActive">One of them is the active table's.</param>
    public sealed record Named(int Count, bool IsActive);

    public async ValueTask<Dictionary<long, Named>> ListL2Async()
    {
        var found = new Dictionary<long, Named>();
        Add(image.L1.Snapshot(), isActive: true);
        foreach (var snapshot in image.Snapshots) Add(await LoadAsync(snapshot).ConfigureAwait(false), isActive: false);
        return found;

        void Add(ulong[] l1, bool isActive)
        {
            foreach (var offset in l1.Select(e => new L1Entry(e).TableOffset).Where(o => o != 0))
            {
                if (!image.Geometry.IsClusterAligned(offset))
                    throw new BlockException(BlockErrorKind.Corrupt, $"L2 table offset {CHex.Of(offset)} unaligned");
                var known = found.GetValueOrDefault(offset) ?? new Named(0, false);
                found[offset] = new Named(known.Count + 1, known.IsActive || isActive);
            }
        }
    }

    /// <summary>Has every L1 entry name the new place of a table that was moved; the old one still holds the same.</summary>
    public async ValueTask RenameAsync(IReadOnlyDictionary<long, long> moved)
    {
        var active = image.L1.Snapshot();
        for (var i = 0; i < active.Length; i++)
        {
            if (moved.TryGetValue(new L1Entry(active[i]).TableOffset, out var to)) image.L1.Set(i, At(active[i], to));
        }
        var sectors = image.L1.TakeDirty();
        try
        {
            await PendingWrite.WriteAllAsync(image.File, sectors).ConfigureAwait(false);
        }
        catch
        {
            image.L1.Return(sectors);
            throw;
        }
        foreach (var snapshot in image.Snapshots) await RenameAsync(snapshot, moved).ConfigureAwait(false);
    }

    private async ValueTask RenameAsync(SnapshotEntry snapshot, IReadOnlyDictionary<long, long> moved)
    {
        var l1 = await LoadAsync(snapshot).ConfigureAwait(false);
        var table = new TopTable(l1, snapshot.L1Offset);
        for (var i = 0; i < l1.Length; i++)
        {
            if (moved.TryGetValue(new L1Entry(l1[i]).TableOffset, out var to)) table.Set(i, At(l1[i], to));
        }
        await PendingWrite.WriteAllAsync(image.File, table.TakeDirty()).ConfigureAwait(false);
    }

    private static ulong At(ulong entry, long to) => (entry & ~L1Entry.OffsetMask) | (ulong)to;

    private ValueTask<ulong[]> LoadAsync(SnapshotEntry snapshot) =>
        TopTable.LoadAsync(image.File, snapshot.L1Offset, snapshot.L1Entries, CancellationToken.None);
}
