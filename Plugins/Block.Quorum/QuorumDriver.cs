// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Quorum;

/// <summary>The driver "quorum": a disk is kept in several copies, and reads give what enough of them agree on.</summary>
internal sealed class QuorumDriver : BlockDriver<QuorumOptions>
{
    public const string ChildrenOption = "children";

    public override string FormatName => "quorum";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    /// <summary>Knows nothing of its children's content.</summary>
    public override bool ClosesWhenInactive => false;

    public override IReadOnlyList<string> StrongOptions => ["vote-threshold", "blkverify", "rewrite-corrupted", "read-pattern"];

    protected override JsonTypeInfo<QuorumOptions> TypedOptionsType => QuorumJson.Default.QuorumOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, QuorumOptions options, CancellationToken cancellationToken)
    {
        var settings = QuorumSettings.From(options, options.Children.Count);
        var children = await context.OpenChildrenAsync(
            ChildrenOption, BlockChildRole.Data, options.Children, cancellationToken).ConfigureAwait(false);
        if (children.Select(child => QuorumNode.WholeSectors(child.Length)).Distinct().Count() > 1)
            throw new BlockException(BlockErrorKind.Io, $"Could not refresh total sector count: {ErrnoText.Of(Errno.EIO)}")
            { NodeName = context.NodeName };
        return new QuorumNode(context, settings, children);
    }
}
