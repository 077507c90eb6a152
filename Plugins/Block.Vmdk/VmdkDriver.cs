// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vmdk.Extents;
using BlockHost.Plugins.Block.Vmdk.Maintenance;

namespace BlockHost.Plugins.Block.Vmdk;

/// <summary>The driver "vmdk".</summary>
internal sealed class VmdkDriver : BlockDriver<VmdkOptions>
{
    private readonly ImageCreator _creator = new();

    public override string FormatName => "vmdk";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override bool SupportsBacking => true;

    public override bool SupportsCompressedWrites => true;

    public override JsonTypeInfo? SpecificInfoType => VmdkJson.Default.ImageInfoSpecificVmdk;

    protected override JsonTypeInfo<VmdkOptions> TypedOptionsType => VmdkJson.Default.VmdkOptions;

    /// <summary>A magic, or a text whose first line that says anything is its version.</summary>
    public override int Probe(ReadOnlySpan<byte> head, string? fileName) =>
        ExtentOpener.IsSparse(ExtentOpener.MagicOf(head)) || IsDescription(head) ? 100 : 0;

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = _creator as T ?? this as T;
        return facet is not null;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, VmdkOptions options, CancellationToken cancellationToken)
    {
        var file = await context.OpenChildAsync(
            "file", BlockChildRole.Image, options.File, cancellationToken).ConfigureAwait(false);
        var image = await new ImageOpening(context, file).OpenAsync(cancellationToken).ConfigureAwait(false);
        var recorded = image.ParentFileName is { } name ? new BackingFileReference(name, FormatName) : null;
        var backing = await context.OpenBackingAsync(options.Backing, recorded, cancellationToken).ConfigureAwait(false);
        return new VmdkNode(context, image, backing);
    }

    private static bool IsDescription(ReadOnlySpan<byte> head)
    {
        while (head.Length > 0)
        {
            var end = head.IndexOf((byte)'\n');
            var line = (end < 0 ? head : head[..end]).TrimEnd((byte)'\r');
            if (line.Length > 0 && line[0] != (byte)'#' && line.IndexOfAnyExcept((byte)' ') >= 0)
                return end >= 0
                    && (line.SequenceEqual("version=1"u8) || line.SequenceEqual("version=2"u8) || line
                        .SequenceEqual("version=3"u8));
            head = end < 0 ? [] : head[(end + 1)..];
        }

        return false;
    }
}
