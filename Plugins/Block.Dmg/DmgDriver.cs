// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Formats.Reading;

namespace BlockHost.Plugins.Block.Dmg;

/// <summary>The driver "dmg".</summary>
internal sealed class DmgDriver : BlockDriver<DmgOptions>
{
    public override string FormatName => "dmg";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    protected override JsonTypeInfo<DmgOptions> TypedOptionsType => DmgJson.Default.DmgOptions;

    /// <summary>An image says what it is at its end, where nobody looks who guesses: its name has to do, as in QEMU.</summary>
    public override int Probe(ReadOnlySpan<byte> head, string? fileName) =>
        fileName is { Length: > 4 } && fileName.EndsWith(".dmg", StringComparison.Ordinal) ? 2 : 0;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, DmgOptions options, CancellationToken cancellationToken)
    {
        var file = await ReadOnlyNode.OpenFileAsync(context, options.File, cancellationToken).ConfigureAwait(false);
        var image = await ImageReader.ReadAsync(file, cancellationToken).ConfigureAwait(false);
        return new DmgNode(file, image, context.Host.Buffers);
    }
}
