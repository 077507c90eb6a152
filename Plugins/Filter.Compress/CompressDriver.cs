// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.Compress;

/// <summary>QAPI BlockdevOptionsGenericFormat.</summary>
public sealed record CompressOptions
{
    public required BlockdevRef File { get; init; }
}

/// <summary>The driver "compress": an image in which everything that is written is compressed.</summary>
internal sealed class CompressDriver : BlockDriver<CompressOptions>
{
    public override string FormatName => "compress";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    protected override JsonTypeInfo<CompressOptions> TypedOptionsType => CompressJson.Default.CompressOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, CompressOptions options, CancellationToken cancellationToken)
    {
        const BlockChildRole role = BlockChildRole.Filtered | BlockChildRole.Primary;
        var child = await context.OpenChildAsync("file", role, options.File, cancellationToken).ConfigureAwait(false);
        if (child.Node is { Driver.SupportsCompressedWrites: false })
            throw new BlockException(
                BlockErrorKind.NotSupported, $"Compression is not supported for underlying format: {child.DriverName}");
        return new CompressNode(child, await ClusterSizeAsync(child, cancellationToken).ConfigureAwait(false));
    }

    private static async ValueTask<long> ClusterSizeAsync(IBlockChild child, CancellationToken cancellationToken)
    {
        if (child.Node is { } node)
            return (await node.GetFactsAsync(cancellationToken).ConfigureAwait(false)).ClusterSize;
        return child.TryGetFacet<IImageInfo>(out var info)
            ? (await info.GetFactsAsync(cancellationToken).ConfigureAwait(false)).ClusterSize
            : 0;
    }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(CompressOptions))]
internal sealed partial class CompressJson : JsonSerializerContext;
