// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.Parallels.Bitmaps;
using BlockHost.Plugins.Block.Parallels.Format;
using BlockHost.Plugins.Block.Parallels.Maintenance;

namespace BlockHost.Plugins.Block.Parallels;

/// <summary>The driver "parallels".</summary>
internal sealed class ParallelsDriver : BlockDriver<ParallelsOptions>
{
    private readonly ImageCreator _creator = new();

    public override string FormatName => "parallels";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override bool SupportsBacking => true;

    protected override JsonTypeInfo<ParallelsOptions> TypedOptionsType => ParallelsJson.Default.ParallelsOptions;

    public override int Probe(ReadOnlySpan<byte> head, string? fileName) => ParallelsHeader.HasMagic(head) ? 100 : 0;

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = _creator as T ?? this as T;
        return facet is not null;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, ParallelsOptions options, CancellationToken cancellationToken)
    {
        var preallocation = Preallocation.From(options);
        var file = await context.OpenChildAsync(
            "file", BlockChildRole.Image, options.File, cancellationToken).ConfigureAwait(false);
        var bytes = new byte[ParallelsHeader.Size];
        await file.ReadAsync(0, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var header = ParallelsHeader.Parse(bytes);
        HeaderChecks.RequireReadable(header, file.FileName);
        if (!context.ReadOnly && !context.ForRepair)
            HeaderChecks.RequireClosed(header);
        var image = new ParallelsImage(file, header, preallocation, context.Host.Buffers);
        var extension = await ExtensionReader.ReadAsync(
            image, mustBeWhole: context.ReadOnly && !context.ForRepair, cancellationToken).ConfigureAwait(false);
        if (!context.ReadOnly)
            extension?.RequireWritable();
        image.Backing = await context.OpenBackingAsync(options.Backing, recorded: null, cancellationToken).ConfigureAwait(false);
        return new ParallelsNode(context, image, extension);
    }
}
