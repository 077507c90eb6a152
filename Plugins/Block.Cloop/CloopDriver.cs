// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Formats.Reading;
using BlockHost.Plugins.Block.Cloop.Format;

namespace BlockHost.Plugins.Block.Cloop;

/// <summary>The driver "cloop".</summary>
internal sealed class CloopDriver : BlockDriver<CloopOptions>
{
    public override string FormatName => "cloop";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    protected override JsonTypeInfo<CloopOptions> TypedOptionsType => CloopJson.Default.CloopOptions;

    /// <summary>A script is little to go by: more than nothing, less than anything that another driver is sure of.</summary>
    public override int Probe(ReadOnlySpan<byte> head, string? fileName) => head.StartsWith(CloopHeader.Script) ? 2 : 0;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, CloopOptions options, CancellationToken cancellationToken)
    {
        var file = await ReadOnlyNode.OpenFileAsync(context, options.File, cancellationToken).ConfigureAwait(false);
        var (header, index) = await ImageReader.ReadAsync(file, cancellationToken).ConfigureAwait(false);
        await index.RequireSoundAsync(cancellationToken).ConfigureAwait(false);
        return new CloopNode(file, header, index, context.Host.Buffers);
    }
}
