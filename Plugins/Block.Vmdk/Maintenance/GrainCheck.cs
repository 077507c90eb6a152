// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vmdk.Extents;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk.Maintenance;

/// <summary>
/// What is wrong with one extent's grains. A table that cannot be read is one error, however many grains it would have: a header
/// can claim more of them than anybody has time for.
/// </summary>
/// <param name="start">Where the extent's data begins on the disk, in bytes.</param>
internal sealed class GrainCheck(SparseExtent extent, long start, CheckMessages messages)
{
    private readonly HashSet<long> _places = [];
    private readonly long _end = extent.File.Length;

    public long Corruptions { get; private set; }

    public async ValueTask LookAtTableAsync(int number, CancellationToken cancellationToken)
    {
        var offset = number * extent.Map.Layout.TableCover;
        try
        {
            if (await extent.Map.FindTableAsync(number, cancellationToken).ConfigureAwait(false) is not { } table)
                return;
            for (var index = 0; index < extent.Map.Layout.GrainsPerTable && offset < extent.Length; index++)
            {
                LookAt(table, index, offset);
                offset += extent.GrainSize;
            }
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.InvalidArgument)
        {
            Corruptions++;
            messages.Add($"ERROR: cluster_offset not found for sector {Sector(offset)}: {e.Message}");
        }
    }

    private void LookAt(GrainTable table, int index, long offset)
    {
        try
        {
            var entry = table[index];
            if (entry.State != GrainState.Stored)
                return;
            var isBeyond = entry.Offset >= _end;
            if (!isBeyond && _places.Add(entry.Offset))
                return;
            Corruptions++;
            if (isBeyond)
                messages.Add($"ERROR: cluster offset after file size: sector {Sector(offset)}");
            else
                messages.Add($"ERROR: cluster of sector {Sector(offset)} is another one's as well");
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.InvalidArgument)
        {
            Corruptions++;
            messages.Add($"ERROR: cluster_offset not found for sector {Sector(offset)}: {e.Message}");
        }
    }

    private long Sector(long offset) => (start + offset) / VmdkFault.SectorSize;
}
