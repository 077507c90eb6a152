// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Maintenance;

/// <summary>
/// The COPIED flag of active entries says "refcount is one". Where it lies, a write would go in place into a cluster
/// that a snapshot shares.
/// </summary>
internal sealed class CopiedFlagCheck(Qcow2Image image, CheckReport report, bool repair)
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < image.L1.Count; i++)
        {
            var entry = new L1Entry(image.L1[i]);
            if (entry.TableOffset == 0 || !_geometry.IsClusterAligned(entry.TableOffset) || entry.TableOffset >= image.File.Length) continue;
            cancellationToken.ThrowIfCancellationRequested();
            var refcount = await RefcountAsync(entry.TableOffset).ConfigureAwait(false);
            if (refcount == 1 != entry.Copied)
            {
                Found($"OFLAG_COPIED L2 cluster: l1_index={i} l1_entry={entry.Raw:x} refcount={refcount}");
                if (repair) image.L1.Set(i, entry.Raw ^ L1Entry.CopiedBit);
            }
            await CheckTableAsync((long)i << _geometry.L2CoverageBits, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask CheckTableAsync(long guestOffset, CancellationToken cancellationToken)
    {
        var end = guestOffset + (1L << _geometry.L2CoverageBits);
        for (; guestOffset < end; guestOffset += image.Map.ToSliceEnd(guestOffset))
        {
            var slice = await image.Map.GetSliceAsync(guestOffset, cancellationToken).ConfigureAwait(false);
            for (var i = 0; i < image.Map.SliceEntries; i++)
            {
                var entry = image.Map.EntryAt(slice, i);
                if (entry.HostOffset == 0 || !_geometry.IsClusterAligned(entry.HostOffset) || entry.HostOffset >= image.File.Length) continue;
                var refcount = await RefcountAsync(entry.HostOffset).ConfigureAwait(false);
                if (refcount == 1 == entry.IsOwned) continue;
                Found($"OFLAG_COPIED data cluster: l2_entry={ClusterEntryCodec.DescriptorOnDisk(entry, _geometry):x} refcount={refcount}");
                if (repair) slice = image.Map.SetEntry(slice, i, entry with { Descriptor = new L2Entry(entry.Descriptor.Raw ^ L2Entry.CopiedBit) });
            }
        }
    }

    private void Found(string what)
    {
        report.Note($"{(repair ? "Repairing" : "ERROR")} {what}");
        if (repair) report.CorruptionsFixed++;
        else report.Corruptions++;
    }

    private async ValueTask<ulong> RefcountAsync(long hostOffset)
    {
        var cluster = _geometry.ClusterIndex(hostOffset);
        var block = image.Allocator.Table[_geometry.RefcountTableIndex(cluster)];
        return _geometry.IsClusterAligned((long)block) && block <= long.MaxValue ? await image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false) : 0;
    }
}
