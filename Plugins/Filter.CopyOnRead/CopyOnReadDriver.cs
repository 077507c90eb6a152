// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Filter.CopyOnRead;

/// <summary>The driver "copy-on-read": an image that takes in what is read through it.</summary>
internal sealed class CopyOnReadDriver : BlockDriver<CopyOnReadOptions>
{
    public override string FormatName => "copy-on-read";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    /// <summary>They are passed on; the image says whether it can.</summary>
    public override bool SupportsCompressedWrites => true;

    protected override JsonTypeInfo<CopyOnReadOptions> TypedOptionsType => CopyOnReadJson.Default.CopyOnReadOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, CopyOnReadOptions options, CancellationToken cancellationToken)
    {
        const BlockChildRole role = BlockChildRole.Filtered | BlockChildRole.Primary;
        var child = await context.OpenChildAsync("file", role, options.File, cancellationToken).ConfigureAwait(false);
        var range = options.Bottom is { } bottom
            ? CopiedLayers.DownTo(context.PluginHost.Graph, child.NodeName, bottom)
            : CopiedLayers.All;
        return new CopyOnReadNode(context, child, range, await ClusterSizeAsync(child, cancellationToken).ConfigureAwait(false));
    }

    private static async ValueTask<long> ClusterSizeAsync(IBlockChild child, CancellationToken cancellationToken) =>
        child.TryGetFacet<IImageInfo>(out var info)
            ? (await info.GetFactsAsync(cancellationToken).ConfigureAwait(false)).ClusterSize
            : 0;
}
