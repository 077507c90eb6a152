// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Vmdk.Extents;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk.Maintenance;

/// <summary>Looks at every grain of an image: whether it is in the file, and in no other grain's place.</summary>
internal static class ImageChecker
{
    private const int MostMessages = 1000;

    public static async ValueTask<ImageCheckResult> CheckAsync(VmdkImage image, CancellationToken cancellationToken)
    {
        var messages = new List<string>();
        long corruptions = 0;
        long start = 0;
        foreach (var extent in image.Extents)
        {
            if (extent is SparseExtent sparse)
                corruptions += await CheckAsync(sparse, start, messages, cancellationToken).ConfigureAwait(false);
            start += extent.Length;
        }

        return new ImageCheckResult { Corruptions = corruptions, Messages = messages };
    }

    private static async ValueTask<long> CheckAsync(
        SparseExtent extent, long start, List<string> messages, CancellationToken cancellationToken)
    {
        var places = new HashSet<long>();
        var end = extent.File.Length;
        long corruptions = 0;
        for (long offset = 0; offset < extent.Length; offset += extent.GrainSize)
        {
            if (await ProblemAsync(
                extent, offset, start, end, places, cancellationToken).ConfigureAwait(false) is not { } problem)
                continue;
            corruptions++;
            if (messages.Count < MostMessages)
                messages.Add(problem);
        }

        return corruptions;
    }

    private static async ValueTask<string?> ProblemAsync(
        SparseExtent extent, long offset, long start, long end, HashSet<long> places, CancellationToken cancellationToken)
    {
        try
        {
            var entry = await extent.Map.FindAsync(offset / extent.GrainSize, cancellationToken).ConfigureAwait(false);
            if (entry.State != GrainState.Stored)
                return null;
            if (entry.Offset >= end)
                return $"ERROR: cluster offset after file size: sector {(start + offset) / VmdkFault.SectorSize}";
            return places.Add(entry.Offset)
                ? null
                : $"ERROR: cluster of sector {(start + offset) / VmdkFault.SectorSize} is another one's as well";
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.InvalidArgument)
        {
            return $"ERROR: cluster_offset not found for sector {(start + offset) / VmdkFault.SectorSize}: {e.Message}";
        }
    }
}
