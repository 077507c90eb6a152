// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Qcow2.Checking;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Snapshots;

/// <summary>
/// All clusters that one L1 table refers to through its L2 tables, those included, each with its number of references.
/// </summary>
internal sealed class MappedClusters
{
    private readonly ReferenceMap _references = new();

    /// <summary>Clusters with a reference, in order.</summary>
    public IEnumerable<(long Cluster, uint Count)> All => _references.All;

    /// <exception cref="BlockHost.Block.BlockException">An entry is damaged.</exception>
    public static async ValueTask<MappedClusters> OfAsync(Qcow2Image image, ulong[] l1, CancellationToken cancellationToken)
    {
        var found = new MappedClusters();
        var geometry = image.Geometry;
        using var buffer = image.Buffers.Rent(geometry.ClusterSize);
        var table = buffer.Memory[..geometry.ClusterSize];
        for (var i = 0; i < l1.Length; i++)
        {
            var offset = new L1Entry(l1[i]).TableOffset;
            if (offset == 0) continue;
            cancellationToken.ThrowIfCancellationRequested();
            if (!geometry.IsClusterAligned(offset))
                throw image.Guard.Corrupt($"L2 table offset {CHex.Of(offset)} unaligned (L1 index: {CHex.Of(i)})", null, null);
            found._references.Add(geometry.ClusterIndex(offset));
            await image.File.ReadAsync(offset, table, cancellationToken: cancellationToken).ConfigureAwait(false);
            found.AddTable(image, offset, table.Span);
        }
        return found;
    }

    private void AddTable(Qcow2Image image, long tableOffset, ReadOnlySpan<byte> table)
    {
        var geometry = image.Geometry;
        for (var at = 0; at < table.Length; at += geometry.L2EntrySize)
        {
            var entry = new L2Entry(BinaryPrimitives.ReadUInt64BigEndian(table[at..]));
            if (entry.Compressed)
            {
                var piece = CompressedCluster.Decode(entry, geometry);
                for (var c = geometry.ClusterIndex(piece.HostOffset); c <= geometry
                    .ClusterIndex(piece.HostOffset + piece.Length - 1); c++) _references.Add(c);
            }
            else if (!geometry.IsClusterAligned(entry.HostOffset))
            {
                throw image.Guard.Corrupt(
                    $"Cluster allocation offset {CHex.Of(entry.HostOffset)} unaligned (L2 offset: {CHex.Of(tableOffset)}, L2 index: {CHex.Of(at / geometry.L2EntrySize)})",
                    null,
                    null);
            }
            else if (entry.HostOffset != 0)
            {
                _references.Add(geometry.ClusterIndex(entry.HostOffset));
            }
        }
    }
}
