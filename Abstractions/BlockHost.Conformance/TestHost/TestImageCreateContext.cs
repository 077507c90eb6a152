// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins;

namespace BlockHost.Conformance.TestHost;

/// <summary>The host's side of making an image: storage is given beforehand, by the name that options refer to.</summary>
public sealed class TestImageCreateContext(IPluginHost host) : IImageCreateContext
{
    public IDriverHost Host { get; } = host;

    public Dictionary<string, IBlockChild> Storage { get; } = [];

    public ValueTask<IBlockChild> OpenStorageAsync(BlockdevRef reference, CancellationToken cancellationToken)
    {
        var key = reference.NodeName ?? "file";
        return Storage.TryGetValue(key, out var child)
            ? new(child)
            : throw new BlockException(BlockErrorKind.NotFound, $"Cannot find device='{key}' nor node-name='{key}'");
    }
}
