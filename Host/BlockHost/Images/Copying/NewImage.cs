// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Images.Copying;

/// <summary>An image that has just been made, and into which nothing was written yet.</summary>
internal static class NewImage
{
    /// <summary>
    /// Whether it reads as zeroes. Where nothing is allocated it does; what is allocated already (a fixed size, metadata ahead of
    /// data) shows what its storage held, and only a new file held nothing: zeroes, unless they are decrypted.
    /// </summary>
    public static async ValueTask<bool> ReadsZeroAsync(OpenImage image, CancellationToken cancellationToken)
    {
        var facts = await image.Node.GetFactsAsync(cancellationToken);
        return (!facts.Encrypted && StorageReadsZero(image.Node)) || !await HasDataAsync(image, cancellationToken);
    }

    private static bool StorageReadsZero(IGraphNode node) => node.Driver.Kind == BlockDriverKind.Protocol
        ? node.Profile.NewStorageReadsZero
        : node.Children.Where(HoldsImage).All(edge => StorageReadsZero(edge.Child));

    private static bool HoldsImage(IGraphEdge edge) =>
        (edge.Role & (BlockChildRole.Filtered | BlockChildRole.Data | BlockChildRole.Metadata)) != 0;

    private static async ValueTask<bool> HasDataAsync(OpenImage image, CancellationToken cancellationToken)
    {
        for (long offset = 0; offset < image.Length;)
        {
            var status = await image.Queue.GetStatusAsync(
                offset, image.Length - offset, StatusPrecision.WantZero, cancellationToken);
            if (!status.Status.IsOk || (status.Flags & BlockStatusFlags.Zero) == 0)
                return true;
            offset += status.Bytes;
        }

        return false;
    }
}
