// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>Makes and opens the image that a snapshot puts on top of a node.</summary>
internal static class OverlayImage
{
    /// <summary>Keeps the node alive until it has users, and stands in nobody's way.</summary>
    public static BackendOptions Unused { get; } = new() { Permissions = BlockPermissionSet.None, StaysAtNode = true };

    /// <summary>A new image file of the node's length that records the node as its backing file.</summary>
    public static async ValueTask CreateAsync(IBlockGraph graph, string fileName, string format, IGraphNode backing, CancellationToken cancellationToken)
    {
        var driver = await graph.FindDriverAsync(format, cancellationToken).ConfigureAwait(false)
            ?? throw new BlockException(BlockErrorKind.InvalidArgument, $"Unknown file format '{format}'");
        if (!driver.TryGetFacet<IImageCreator>(out var creator))
            throw new BlockException(BlockErrorKind.NotSupported, $"Format driver '{format}' does not support image creation");
        if (creator.CreateOptions.All(option => option.Name != "backing_file"))
            throw new BlockException(BlockErrorKind.NotSupported, $"Backing file not supported for file format '{format}'");

        await graph.CreateImageAsync(Element(new() { ["driver"] = "file", ["filename"] = fileName, ["size"] = 0 }), cancellationToken).ConfigureAwait(false);
        await graph.CreateImageAsync(
            Element(new()
            {
                ["driver"] = format,
                ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = fileName },
                ["size"] = backing.Length,
                ["backing-file"] = backing.FileName,
                ["backing-fmt"] = backing.Driver.FormatName,
            }),
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Options that open the overlay without a backing file, with the cache mode of the node it covers.</summary>
    public static JsonElement Options(string fileName, string format, string? nodeName, IGraphNode covered)
    {
        var options = new JsonObject
        {
            ["driver"] = format,
            ["read-only"] = false,
            ["cache"] = new JsonObject { ["direct"] = covered.CacheDirect, ["no-flush"] = covered.CacheNoFlush },
            ["backing"] = null,
            ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = fileName },
        };
        if (nodeName is not null)
            options["node-name"] = nodeName;
        return Element(options);
    }

    private static JsonElement Element(JsonObject json) => JsonDocument.Parse(json.ToJsonString()).RootElement;
}
