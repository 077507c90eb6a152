// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Images;

/// <summary>What queries and tools say of an image.</summary>
internal static class ImageDescription
{
    /// <param name="withBackingChain">Fill <see cref="ImageInfo.BackingImage"/>, all the way down.</param>
    public static async ValueTask<ImageInfo> OfAsync(IGraphNode node, bool withBackingChain, CancellationToken cancellationToken)
    {
        var facts = await node.GetFactsAsync(cancellationToken).ConfigureAwait(false);
        var snapshots = node.FindSnapshotStore() is { } store
            ? await store.ListAsync(cancellationToken).ConfigureAwait(false)
            : [];
        return new ImageInfo
        {
            FileName = node.FileName,
            Format = node.Driver.FormatName,
            DirtyFlag = facts.Dirty,
            ActualSize = facts.AllocatedSize,
            VirtualSize = node.Length,
            ClusterSize = facts.ClusterSize > 0 ? facts.ClusterSize : null,
            Encrypted = facts.Encrypted ? true : null,
            Compressed = facts.Compressed ? true : null,
            BackingFileName = facts.Backing?.FileName,
            FullBackingFileName = facts.Backing is { } backing ? FullName(node, backing.FileName) : null,
            BackingFileNameFormat = facts.Backing?.Format,
            Snapshots = snapshots.Count > 0 ? [.. snapshots.Select(SnapshotInfo.From)] : null,
            BackingImage = withBackingChain && NextLayer(node) is { } next
                ? await OfAsync(next, withBackingChain, cancellationToken).ConfigureAwait(false)
                : null,
            FormatSpecific = facts.Specific is { } data ? new() { Type = node.Driver.FormatName, Data = data } : null,
        };
    }

    // To queries, what a filter filters is a backing image like others.
    private static IGraphNode? NextLayer(IGraphNode node) => node.Driver.Kind == BlockDriverKind.Filter
        ? node.Children.FirstOrDefault(edge => (edge.Role & BlockChildRole.Filtered) != 0)?.Child
        : node.Backing;

    // An image with a json: name has the folder of its storage.
    private static string? FullName(IGraphNode node, string backing)
    {
        while (ImageFileName.ProtocolOf(node.FileName) is "json"
            && node.Children.FirstOrDefault(edge => (edge.Role & BlockChildRole.Primary) != 0) is { } storage)
            node = storage.Child;
        return ImageFileName.TryResolve(node.FileName, backing, out var resolved) ? resolved : null;
    }
}
