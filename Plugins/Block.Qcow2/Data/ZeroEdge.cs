// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>
/// Zeroes written over a part of a subcluster that holds no data and whose rest reads as zeroes: all of it can become zero by
/// its entry, as QEMU has it, so that an image does not grow by zeroes.
/// </summary>
internal static class ZeroEdge
{
    /// <summary>Whether the subcluster around the range may become zero as a whole.</summary>
    public static async ValueTask<bool> CanWidenAsync(
        Qcow2Image image, long offset, long bytes, CancellationToken cancellationToken)
    {
        // A raw data file would have its zeroes written, over what somebody else may be writing just now.
        if (image.Header.Current.Version < 3 || image.Data.IsRaw) return false;
        var start = image.Geometry.SubclusterStart(offset);
        var end = Math.Min(start + image.Geometry.SubclusterSize, Math.Max(image.Length, offset + bytes));
        return await HasNoDataAsync(image, start, end, cancellationToken).ConfigureAwait(false)
            && await ReadsZeroAsync(image, start, offset, cancellationToken).ConfigureAwait(false)
            && await ReadsZeroAsync(image, offset + bytes, end, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether none of the subclusters has come to hold data meanwhile.</summary>
    public static bool HasNoData(ClusterEntry entry, int first, int count)
    {
        if (entry.IsCompressed) return false;
        for (var i = first; i < first + count; i++)
        {
            if (entry.Subclusters[i] is SubclusterKind.Data) return false;
        }
        return true;
    }

    private static async ValueTask<bool> HasNoDataAsync(
        Qcow2Image image, long start, long end, CancellationToken cancellationToken)
    {
        var extent = await image.Map.LookupAsync(start, end - start, splitOwned: false, cancellationToken).ConfigureAwait(false);
        return extent.Kind is ExtentKind.Zero or ExtentKind.Unallocated;
    }

    /// <summary>The range lies in a subcluster that holds no data here.</summary>
    private static async ValueTask<bool> ReadsZeroAsync(
        Qcow2Image image, long start, long end, CancellationToken cancellationToken)
    {
        if (start >= end) return true;
        var extent = await image.Map.LookupAsync(start, end - start, splitOwned: false, cancellationToken).ConfigureAwait(false);
        if (extent.Kind == ExtentKind.Zero || image.Backing is not { } backing) return true;
        end = Math.Min(end, backing.Length);
        while (start < end)
        {
            var status = await backing.GetChainStatusAsync(
                start, end - start, StatusPrecision.WantZero, cancellationToken: cancellationToken).ConfigureAwait(false);
            if ((status.Flags & BlockStatusFlags.Zero) == 0 || status.Bytes <= 0) return false;
            start += status.Bytes;
        }
        return true;
    }
}
