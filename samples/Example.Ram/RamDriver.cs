// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;

namespace Example.Ram;

/// <summary>The driver "example-ram": <c>{"driver": "example-ram", "node-name": "scratch", "size": 1073741824}</c>.</summary>
public sealed class RamDriver : BlockDriver<RamOptions>
{
    public override string FormatName => "example-ram";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    /// <summary>The node's dictionary is not made for threads: the host sends one request at a time.</summary>
    public override Concurrency Concurrency => Concurrency.SerializeNode;

    protected override JsonTypeInfo<RamOptions> TypedOptionsType => RamJson.Default.RamOptions;

    protected override ValueTask<BlockNode> OpenAsync(IBlockNodeContext context, RamOptions options, CancellationToken cancellationToken)
    {
        if (options.Size is < 0 or > 1L << 40)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Parameter 'size' expects 0 to 1 TiB");
        return new(new RamNode(options.Size, writable: !context.ReadOnly));
    }
}
