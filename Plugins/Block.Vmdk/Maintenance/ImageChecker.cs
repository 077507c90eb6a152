// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vmdk.Extents;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk.Maintenance;

/// <summary>Looks at every grain of an image: whether it is in the file, and in no other grain's place.</summary>
internal static class ImageChecker
{
    public static async ValueTask<ImageCheckResult> CheckAsync(VmdkImage image, CancellationToken cancellationToken)
    {
        var messages = new CheckMessages();
        long corruptions = 0;
        long start = 0;
        foreach (var extent in image.Extents)
        {
            if (extent is SparseExtent sparse)
                corruptions += await CheckAsync(sparse, start, messages, cancellationToken).ConfigureAwait(false);
            start += extent.Length;
        }

        return new ImageCheckResult { Corruptions = corruptions, Messages = messages.Lines };
    }

    private static async ValueTask<long> CheckAsync(
        SparseExtent extent, long start, CheckMessages messages, CancellationToken cancellationToken)
    {
        var check = new GrainCheck(extent, start, messages);
        var cover = extent.Map.Layout.TableCover;
        var tables = (extent.Length + cover - 1) / cover;
        for (var number = 0; number < tables; number++)
            await check.LookAtTableAsync(number, cancellationToken).ConfigureAwait(false);
        return check.Corruptions;
    }
}
