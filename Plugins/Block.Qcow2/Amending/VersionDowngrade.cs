// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Amending;

/// <summary>
/// Makes a version 2 image of one of version 3. Version 2 has no zero clusters, so those of all tables, the snapshots'
/// included, become data or nothing first; that changes no content, so it may stop anywhere. The header switches last.
/// </summary>
internal sealed class VersionDowngrade(Qcow2Node node)
{
    private const int Version2RefcountOrder = 4;

    private readonly Qcow2Image _image = node.Image;
    private readonly ClusterGeometry _geometry = node.Image.Geometry;

    public static void Check(Qcow2Header header, int refcountOrder, long size, IReadOnlyList<SnapshotEntry> snapshots)
    {
        const IncompatibleFeatures Removable = IncompatibleFeatures.Dirty | IncompatibleFeatures.CompressionType;
        if (refcountOrder != Version2RefcountOrder)
            throw Refuse("compat=0.10 requires refcount_bits=16");
        if (header.HasDataFile)
            throw Refuse("Cannot downgrade an image with a data file");
        if (snapshots.Any(s => s.VmStateSize > uint.MaxValue || (s.DiskSize is { } disk && disk != (ulong)size)))
            throw Refuse("Internal snapshots prevent downgrade of image");
        if ((header.Incompatible & ~Removable) is not IncompatibleFeatures.None and var features)
            throw Refuse($"Cannot downgrade an image with incompatible features 0x{(ulong)features:x} set");
    }

    public async ValueTask RunAsync(IProgress<double> progress, CancellationToken cancellationToken)
    {
        await QuietImage.RunAsync(
            _image, () => ExpandAndSwitchAsync(progress, cancellationToken), cancellationToken).ConfigureAwait(false);
        await node.ReloadAsync(_image.Settings with { LazyRefcounts = false }).ConfigureAwait(false);
    }

    private async ValueTask<bool> ExpandAndSwitchAsync(IProgress<double> progress, CancellationToken cancellationToken)
    {
        var tables = await DistinctTablesAsync(cancellationToken).ConfigureAwait(false);
        if (_image.Header.Current.Compression != CompressionType.Zlib) await RefuseCompressedAsync(
            tables, cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < tables.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await ExpandAsync(tables[i]).ConfigureAwait(false);
            progress.Report((double)(i + 1) / tables.Count);
        }
        await _image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
        var header = _image.Header.Current with
        {
            Version = 2,
            Incompatible = IncompatibleFeatures.None,
            Compatible = CompatibleFeatures.None,
            Autoclear = AutoclearFeatures.None,
            Compression = CompressionType.Zlib,
            UnknownFields = [],
        };
        await _image.Header.UpdateAsync(header.WithExtension(HeaderExtension.FeatureNames, null)).ConfigureAwait(false);
        return true;
    }

    private async ValueTask<List<long>> DistinctTablesAsync(CancellationToken cancellationToken)
    {
        var tables = new SortedSet<long>();
        Add(_image.L1.Snapshot());
        foreach (var snapshot in _image.Snapshots)
            Add(await TopTable.LoadAsync(
                _image.File, snapshot.L1Offset, snapshot.L1Entries, cancellationToken).ConfigureAwait(false));
        return [.. tables];

        void Add(ulong[] l1) =>
            tables.UnionWith(l1.Select(e => new L1Entry(e).TableOffset).Where(o => o != 0 && _geometry.IsClusterAligned(o)));
    }

    private async ValueTask RefuseCompressedAsync(List<long> tables, CancellationToken cancellationToken)
    {
        foreach (var offset in tables)
        {
            var table = await TopTable.LoadAsync(
                _image.File, offset, _geometry.L2Entries, cancellationToken).ConfigureAwait(false);
            if (table.Any(e => new L2Entry(e).Compressed))
                throw Refuse("Cannot downgrade an image with zstd compression type and existing compressed clusters");
        }
    }

    /// <summary>Replaces the zero clusters of one table, which counts for every first-level table that refers to it.</summary>
    private async ValueTask ExpandAsync(long offset)
    {
        var table = await TopTable.LoadAsync(
            _image.File, offset, _geometry.L2Entries, CancellationToken.None).ConfigureAwait(false);
        var references = await _image.Allocator.GetRefcountAsync(_geometry.ClusterIndex(offset)).ConfigureAwait(false);
        var (taken, dropped) = (new List<long>(), new List<long>());
        var changed = false;
        try
        {
            for (var i = 0; i < table.Length; i++)
            {
                var entry = new L2Entry(table[i]);
                if (entry.Kind is not (ClusterKind.ZeroPlain or ClusterKind.ZeroAllocated)) continue;
                table[i] = (await ReplaceAsync(entry, references, taken, dropped).ConfigureAwait(false)).Raw;
                changed = true;
            }
            if (!changed) return;
            await _image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
            await _image.File.WriteAsync(offset, TopTable.Encode(table)).ConfigureAwait(false);
            await _image.File.FlushAsync().ConfigureAwait(false);
        }
        catch
        {
            foreach (var cluster in taken) await _image.Allocator.SetRefcountAsync(cluster, 0).ConfigureAwait(false);
            throw;
        }
        foreach (var cluster in dropped)
        {
            var held = await _image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false);
            await _image.Allocator.SetRefcountAsync(cluster, held - Math.Min(held, references)).ConfigureAwait(false);
        }
    }

    private async ValueTask<L2Entry> ReplaceAsync(L2Entry zero, ulong references, List<long> taken, List<long> dropped)
    {
        var held = zero.HostOffset == 0
            ? 0
            : await _image.Allocator.GetRefcountAsync(_geometry.ClusterIndex(zero.HostOffset)).ConfigureAwait(false);
        var host = zero.HostOffset;
        if (held != references || held == 0)
        {
            // Others may use the cluster as data.
            if (held > references) dropped.Add(_geometry.ClusterIndex(host));
            if (_image.Header.Current.BackingFile is null && _image.Backing is null) return L2Entry.Unallocated;
            var run = await _image.Allocator.AllocateAsync(1).ConfigureAwait(false);
            taken.Add(run.First);
            await _image.Allocator.SetRefcountAsync(run.First, references).ConfigureAwait(false);
            host = run.First << _geometry.ClusterBits;
        }
        await _image.File.WriteAsync(host, new byte[_geometry.ClusterSize]).ConfigureAwait(false);
        return references == 1 ? L2Entry.Owned(host) : new L2Entry((ulong)host);
    }

    private static BlockException Refuse(string message) => new(BlockErrorKind.NotSupported, message);
}
