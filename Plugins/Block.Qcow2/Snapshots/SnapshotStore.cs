// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Snapshots;

/// <summary>
/// Internal snapshots. A snapshot is a second L1 table that shares all L2 tables and clusters with the active one.
/// </summary>
/// <remarks>
/// <code>
/// create:  counts up ─barrier─► COPIED flags off, L1 copy, new table ─barrier─► header names the table
/// apply:   counts up ─barrier─► new active L1 ─barrier─► header names it ─► counts of the old one down
/// delete:  new table ─barrier─► header names it ─► counts down ─barrier─► COPIED flags on
/// </code>
/// Where flags and counts may differ for a while, the dirty bit (version 3) has the next opening put them right. No cut
/// in between loses data: at worst, clusters leak.
/// </remarks>
internal sealed class SnapshotStore(Qcow2Node node)
{
    private const int MaxNameBytes = 255;

    private readonly Qcow2Image _image = node.Image;
    private readonly ClusterGeometry _geometry = node.Image.Geometry;

    private Qcow2Header Header => _image.Header.Current;

    public static IReadOnlyList<SnapshotRecord> List(Qcow2Image image) => [.. image.Snapshots.Select(SnapshotRecords.ToRecord)];

    public async ValueTask<SnapshotRecord> CreateAsync(SnapshotRecord snapshot, CancellationToken cancellationToken)
    {
        RefuseDataFile();
        if (_image.Snapshots.Count >= HeaderParser.MaxSnapshots)
            throw new BlockException(BlockErrorKind.NoSpace, "The image has as many snapshots as it can have", Errno.EFBIG);
        var entry = SnapshotRecords.ToEntry(snapshot, NextId(), MaxNameBytes) with { DiskSize = (ulong)_image.Length };
        await QuietImage.RunAsync(
            _image, () => CreateQuietAsync(entry, cancellationToken), cancellationToken).ConfigureAwait(false);
        await node.ReloadAsync().ConfigureAwait(false);
        return SnapshotRecords.ToRecord(entry);
    }

    public async ValueTask<SnapshotRecord> ApplyAsync(string idOrName, CancellationToken cancellationToken)
    {
        RefuseDataFile();
        var snapshot = _image.Snapshots.FirstOrDefault(s => s.Id == idOrName)
            ?? _image.Snapshots.FirstOrDefault(s => s.Name == idOrName)
            ?? throw new BlockException(BlockErrorKind.NotFound, "No such file or directory");
        await QuietImage.RunAsync(
            _image, () => ApplyQuietAsync(snapshot, cancellationToken), cancellationToken).ConfigureAwait(false);
        await node.ReloadAsync().ConfigureAwait(false);
        return SnapshotRecords.ToRecord(snapshot);
    }

    public async ValueTask<SnapshotRecord> DeleteAsync(string id, string? name, CancellationToken cancellationToken)
    {
        var snapshot = _image.Snapshots.FirstOrDefault(s => s.Id == id && (name is null || s.Name == name))
            ?? throw new BlockException(BlockErrorKind.NotFound, "Can't find the snapshot");
        await QuietImage.RunAsync(
            _image, () => DeleteQuietAsync(snapshot, cancellationToken), cancellationToken).ConfigureAwait(false);
        await node.ReloadAsync().ConfigureAwait(false);
        return SnapshotRecords.ToRecord(snapshot);
    }

    /// <summary>Only the table in memory changes: the image is not written.</summary>
    public async ValueTask<SnapshotRecord> ShowAsync(string id, CancellationToken cancellationToken)
    {
        if (_image.Settings.Writable)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "A snapshot can be read only while the image is not written");
        var snapshot = _image.Snapshots.FirstOrDefault(s => s.Id == id)
            ?? throw new BlockException(BlockErrorKind.NotFound, "Can't find snapshot");
        var l1 = await TopTable.LoadAsync(
            _image.File, snapshot.L1Offset, snapshot.L1Entries, cancellationToken).ConfigureAwait(false);
        _image.L1.Replace(l1, snapshot.L1Offset);
        return SnapshotRecords.ToRecord(snapshot);
    }

    private async ValueTask<bool> CreateQuietAsync(SnapshotEntry entry, CancellationToken cancellationToken)
    {
        var l1 = _image.L1.Snapshot();
        var clusters = await MappedClusters.OfAsync(_image, l1, cancellationToken).ConfigureAwait(false);
        var change = new ReferenceChange(_image);
        await change.CheckAddAsync(clusters).ConfigureAwait(false);
        var tables = new NewTables(_image);
        await using var scope = tables.ConfigureAwait(false);
        var copy = await tables.AddAsync(TopTable.Encode(CopiedFlags.Cleared(l1))).ConfigureAwait(false);
        var table = await tables.AddAsync(SnapshotTable.Encode(
            [.. _image.Snapshots, entry with { L1Offset = copy, L1Entries = l1.Length }], _image.Length)).ConfigureAwait(false);

        var old = Header;
        await MarkDirtyAsync().ConfigureAwait(false);
        await change.AddAsync(clusters).ConfigureAwait(false);
        await change.SyncAsync().ConfigureAwait(false);
        tables.Keep();
        var flags = new CopiedFlags(_image);
        await flags.UpdateTablesAsync(l1, isActive: true).ConfigureAwait(false);
        await flags.UpdateActiveL1Async().ConfigureAwait(false);
        await _image.File.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        await _image.Header.UpdateAsync(
            old with { SnapshotCount = old.SnapshotCount + 1, SnapshotsOffset = table }).ConfigureAwait(false);
        await change.DropTableAsync(old.SnapshotsOffset, _image.SnapshotTableBytes).ConfigureAwait(false);
        await change.SyncAsync().ConfigureAwait(false);
        return true;
    }

    /// <summary>What becomes active stays the snapshot's as well, so nothing of it may be written in place.</summary>
    private async ValueTask<bool> ApplyQuietAsync(SnapshotEntry snapshot, CancellationToken cancellationToken)
    {
        var size = (long)Math.Min(snapshot.DiskSize ?? (ulong)_image.Length, long.MaxValue);
        var kept = await TopTable.LoadAsync(
            _image.File, snapshot.L1Offset, snapshot.L1Entries, cancellationToken).ConfigureAwait(false);
        var l1 = new ulong[Math.Max(kept.Length, _geometry.L1EntriesFor(size))];
        CopiedFlags.Cleared(kept).CopyTo(l1, 0);
        var clusters = await MappedClusters.OfAsync(_image, l1, cancellationToken).ConfigureAwait(false);
        var replaced = await MappedClusters.OfAsync(_image, _image.L1.Snapshot(), cancellationToken).ConfigureAwait(false);
        var change = new ReferenceChange(_image);
        await change.CheckAddAsync(clusters).ConfigureAwait(false);
        var tables = new NewTables(_image);
        await using var scope = tables.ConfigureAwait(false);
        var offset = await tables.AddAsync(TopTable.Encode(l1)).ConfigureAwait(false);

        var old = Header;
        await change.AddAsync(clusters).ConfigureAwait(false);
        await change.SyncAsync().ConfigureAwait(false);
        tables.Keep();
        await new CopiedFlags(_image).UpdateTablesAsync(l1, isActive: false).ConfigureAwait(false);
        await _image.File.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        await _image.Header.UpdateAsync(old with { L1Offset = offset, L1Entries = l1.Length, Size = size }).ConfigureAwait(false);
        await change.DropAsync(replaced).ConfigureAwait(false);
        await change.DropTableAsync(old.L1Offset, (long)old.L1Entries * sizeof(ulong)).ConfigureAwait(false);
        await change.SyncAsync().ConfigureAwait(false);
        return true;
    }

    private async ValueTask<bool> DeleteQuietAsync(SnapshotEntry snapshot, CancellationToken cancellationToken)
    {
        var l1 = await TopTable.LoadAsync(
            _image.File, snapshot.L1Offset, snapshot.L1Entries, cancellationToken).ConfigureAwait(false);
        var clusters = await MappedClusters.OfAsync(_image, l1, cancellationToken).ConfigureAwait(false);
        var left = _image.Snapshots.Where(s => !ReferenceEquals(s, snapshot)).ToList();
        var tables = new NewTables(_image);
        await using var scope = tables.ConfigureAwait(false);
        var table = await tables.AddAsync(SnapshotTable.Encode(left, _image.Length)).ConfigureAwait(false);

        var (old, clean) = (Header, Header.Incompatible);
        await _image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
        tables.Keep();
        await _image.Header.UpdateAsync(
            Dirty(old) with { SnapshotCount = left.Count, SnapshotsOffset = table }).ConfigureAwait(false);
        var change = new ReferenceChange(_image);
        await change.DropAsync(clusters).ConfigureAwait(false);
        await change.DropTableAsync(snapshot.L1Offset, (long)snapshot.L1Entries * sizeof(ulong)).ConfigureAwait(false);
        await change.DropTableAsync(old.SnapshotsOffset, _image.SnapshotTableBytes).ConfigureAwait(false);
        await change.SyncAsync().ConfigureAwait(false);
        var flags = new CopiedFlags(_image);
        await flags.UpdateTablesAsync(_image.L1.Snapshot(), isActive: true).ConfigureAwait(false);
        await flags.UpdateActiveL1Async().ConfigureAwait(false);
        await _image.File.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        if (Header.Incompatible != clean) await _image.Header.UpdateAsync(
            Header with { Incompatible = clean }).ConfigureAwait(false);
        return true;
    }

    private async ValueTask MarkDirtyAsync()
    {
        if (Dirty(Header).Incompatible != Header.Incompatible) await _image.Header.UpdateAsync(
            Dirty(Header)).ConfigureAwait(false);
    }

    private static Qcow2Header Dirty(Qcow2Header header) =>
        header.Version < 3 ? header : header with { Incompatible = header.Incompatible | IncompatibleFeatures.Dirty };

    private void RefuseDataFile()
    {
        if (Header.HasDataFile) throw new BlockException(BlockErrorKind.NotSupported, "Operation not supported");
    }

    private string NextId()
    {
        var used = _image.Snapshots.Select(
            s => ulong.TryParse(s.Id, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0);
        return (used.DefaultIfEmpty().Max() + 1).ToString(CultureInfo.InvariantCulture);
    }
}
