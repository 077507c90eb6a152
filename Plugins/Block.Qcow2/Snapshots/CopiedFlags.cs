// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Snapshots;

/// <summary>
/// Brings the COPIED flags of an L1 table and its L2 tables in line with the refcounts. Under the metadata lock, flushes paused.
/// </summary>
internal sealed class CopiedFlags(Qcow2Image image)
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    /// <summary>Nothing of it has one reference any more.</summary>
    public static ulong[] Cleared(ulong[] l1) => [.. l1.Select(e => e & ~L1Entry.CopiedBit)];

    /// <param name="isActive">The tables belong to the active table, not only to a snapshot's.</param>
    public async ValueTask UpdateTablesAsync(ulong[] l1, bool isActive)
    {
        using var buffer = image.Buffers.Rent(_geometry.ClusterSize);
        var table = buffer.Memory[.._geometry.ClusterSize];
        foreach (var offset in l1.Select(e => new L1Entry(e).TableOffset).Where(o => o != 0))
        {
            await image.File.ReadAsync(offset, table).ConfigureAwait(false);
            if (await UpdateAsync(table).ConfigureAwait(false))
                await image.WriteTableAsync(offset, table, isActive).ConfigureAwait(false);
        }
    }

    /// <summary>Writes the active L1 table with its flags as they must be.</summary>
    public async ValueTask UpdateActiveL1Async()
    {
        var l1 = image.L1.Snapshot();
        var changed = false;
        for (var i = 0; i < l1.Length; i++)
        {
            var entry = new L1Entry(l1[i]);
            if (entry.TableOffset == 0 || entry.Copied == await IsSingleAsync(entry.TableOffset).ConfigureAwait(false)) continue;
            l1[i] ^= L1Entry.CopiedBit;
            changed = true;
        }
        if (!changed) return;
        await image.File.WriteAsync(image.L1.Offset, TopTable.Encode(l1)).ConfigureAwait(false);
        image.L1.Replace(l1, image.L1.Offset);
    }

    private async ValueTask<bool> UpdateAsync(Memory<byte> table)
    {
        var changed = false;
        for (var at = 0; at < table.Length; at += _geometry.L2EntrySize)
        {
            var entry = new L2Entry(BinaryPrimitives.ReadUInt64BigEndian(table.Span[at..]));
            if (entry.Compressed || entry.HostOffset == 0
                || entry.Copied == await IsSingleAsync(entry.HostOffset).ConfigureAwait(false)) continue;
            BinaryPrimitives.WriteUInt64BigEndian(table.Span[at..], entry.Raw ^ L2Entry.CopiedBit);
            changed = true;
        }
        return changed;
    }

    private async ValueTask<bool> IsSingleAsync(long offset) =>
        await image.Allocator.GetRefcountAsync(_geometry.ClusterIndex(offset)).ConfigureAwait(false) == 1;
}
