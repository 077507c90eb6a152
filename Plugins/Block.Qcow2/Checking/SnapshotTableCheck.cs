// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Snapshots;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>What is wrong with the snapshot table itself, and a new one without it. Findings are worded as QEMU does.</summary>
internal sealed class SnapshotTableCheck(Qcow2Image image)
{
    private const string Remedy = "with qemu-img check -r all";

    /// <summary>Damage that the rest of the check cannot do with, unless it is to be mended.</summary>
    public ImageCheckResult? FindFailure(CheckRepair repair)
    {
        var loaded = image.LoadedSnapshots;
        if (loaded.IsMisplaced) return Failure("ERROR snapshot table offset invalid", Errno.EINVAL);
        if (repair.HasFlag(CheckRepair.Errors)) return null;
        if (loaded.Overhanging > 0)
            return Failure(
                $"ERROR snapshot table too large\nYou can force-remove all {loaded.Overhanging} overhanging snapshots {Remedy}",
                Errno.EFBIG);
        return loaded.Trimmed is [var (index, _), ..]
            ? Failure(
                $"ERROR failed to read the snapshot table: Too much extra metadata in snapshot table entry {index}\nYou can force-remove this extra metadata {Remedy}",
                Errno.EFBIG)
            : null;
    }

    /// <returns>How many corruptions were reported.</returns>
    public int Report(CheckReport report, bool fixesErrors)
    {
        var lines = Discarded().ToList();

        // Version 3 wants to know how large the disk was.
        if (image.Header.Current.Version >= 3)
            lines.AddRange(
                Incomplete().Select(i => $"{(fixesErrors ? "Repairing" : "ERROR")} snapshot table entry {i} is incomplete"));
        foreach (var line in lines) report.Corruption(line);
        return lines.Count;
    }

    /// <summary>A new table takes clusters, so the refcounts must be right by now.</summary>
    public async ValueTask MendAsync(CheckReport report, int faults)
    {
        if (report.Counts.CheckErrors > 0 || report.Counts.Corruptions > faults) return;
        var tables = new NewTables(image);
        await using var scope = tables.ConfigureAwait(false);
        var complete = image.Snapshots.Select(s => s with { DiskSize = s.DiskSize ?? (ulong)image.Length }).ToList();
        var offset = await tables.AddAsync(SnapshotTable.Encode(complete, image.Length)).ConfigureAwait(false);
        await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
        tables.Keep();
        await image.ReplaceSnapshotsAsync(complete, offset).ConfigureAwait(false);
        report.Counts = report.Counts with { Corruptions = 0, CorruptionsFixed = report.Counts.CorruptionsFixed + faults };
    }

    private IEnumerable<string> Discarded()
    {
        if (image.LoadedSnapshots.Overhanging > 0) yield return $"Discarding {image.LoadedSnapshots.Overhanging} overhanging snapshots";
        foreach (var (index, extra) in image.LoadedSnapshots.Trimmed)
            yield return $"Discarding too much extra metadata in snapshot table entry {index} ({extra} > {SnapshotTable.MaxExtra})";
    }

    private IEnumerable<int> Incomplete() =>
        Enumerable.Range(0, image.Snapshots.Count).Where(i => image.Snapshots[i].DiskSize is null);

    private static ImageCheckResult Failure(string text, int errno) => new() { Failure = text, Errno = errno };
}
