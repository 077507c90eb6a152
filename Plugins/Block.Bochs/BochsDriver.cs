// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Formats.Reading;
using BlockHost.Plugins.Block.Bochs.Format;

namespace BlockHost.Plugins.Block.Bochs;

/// <summary>The driver "bochs".</summary>
internal sealed class BochsDriver : BlockDriver<BochsOptions>
{
    public override string FormatName => "bochs";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override bool SupportsBacking => true;

    protected override JsonTypeInfo<BochsOptions> TypedOptionsType => BochsJson.Default.BochsOptions;

    /// <summary>Only images of their own are guessed: a redolog without the disk below it shows nothing that ever was.</summary>
    public override int Probe(ReadOnlySpan<byte> head, string? fileName)
    {
        if (head.Length < RedologHeader.Size)
            return 0;
        var header = RedologHeader.Parse(head);
        return header.IsRedolog && header.IsGrowing && header.IsKnownVersion ? 100 : 0;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, BochsOptions options, CancellationToken cancellationToken)
    {
        var file = await ReadOnlyNode.OpenFileAsync(context, options.File, cancellationToken).ConfigureAwait(false);
        var head = new byte[RedologHeader.Size];
        await file.ReadAsync(0, head, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var (node, canHaveBacking) = OpenImage(file, head);
        if (options.Backing is { Value: not null } && !canHaveBacking)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "A growing Bochs image is whole and has no backing file");
        node.SetBackingChild(
            await context.OpenBackingAsync(options.Backing, recorded: null, cancellationToken).ConfigureAwait(false));
        return node;
    }

    private static (ReadOnlyNode Node, bool CanHaveBacking) OpenImage(IBlockChild file, byte[] head)
    {
        if (SparseHeader.IsSparse(head))
        {
            var sparse = SparseHeader.Parse(head);
            sparse.RequireReadable();
            return (new SparseNode(file, sparse), true);
        }

        var header = RedologHeader.Parse(head);
        header.RequireReadable();
        return (new RedologNode(file, header), !header.IsGrowing);
    }
}
