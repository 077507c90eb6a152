// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vhdx.Format;
using BlockHost.Plugins.Block.Vhdx.Maintenance;

namespace BlockHost.Plugins.Block.Vhdx;

/// <summary>The driver "vhdx".</summary>
internal sealed class VhdxDriver : BlockDriver<VhdxOptions>
{
    private readonly ImageCreator _creator = new();

    public override string FormatName => "vhdx";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override bool SupportsBacking => true;

    protected override JsonTypeInfo<VhdxOptions> TypedOptionsType => VhdxJson.Default.VhdxOptions;

    public override int Probe(ReadOnlySpan<byte> head, string? fileName) => head.StartsWith(FileLayout.Signature) ? 100 : 0;

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = _creator as T ?? this as T;
        return facet is not null;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, VhdxOptions options, CancellationToken cancellationToken)
    {
        var file = await context.OpenChildAsync(
            "file", BlockChildRole.Image, options.File, cancellationToken).ConfigureAwait(false);
        var image = await new ImageOpening(context, file).OpenAsync(cancellationToken).ConfigureAwait(false);
        var recorded = ParentOf(image.Layout.Parent);
        image.Backing = await context.OpenBackingAsync(options.Backing, recorded, cancellationToken).ConfigureAwait(false);
        RequireParent(image, mayBeNone: context.NoIo || context.NoBacking || options.Backing is { Value: null });
        return new VhdxNode(context, image, recorded);
    }

    private static BackingFileReference? ParentOf(ParentLocator? locator) =>
        ParentPath.Follow(locator?.Path) is { } path ? new BackingFileReference(path, "vhdx") : null;

    /// <summary>An image has a backing file where it says that it needs one, and only there.</summary>
    /// <param name="mayBeNone">Nobody looks at the data, or the user wants to see what the image has itself.</param>
    private static void RequireParent(VhdxImage image, bool mayBeNone)
    {
        var (backing, locator) = (image.Backing, image.Layout.Parent);
        if (locator is null && backing is not null)
            throw VhdxFault.Invalid("The VHDX image is no differencing image: it has no backing file");
        if (locator is null || (backing is null && mayBeNone))
            return;
        if (backing is null)
            throw VhdxFault.Invalid("The VHDX image names its parent by no plain path: give it as 'backing'");
        if (backing.TryGetFacet<IVhdxIdentity>(out var parent) && !locator.IsLinkedTo(parent.DataWriteId))
            throw VhdxFault.Invalid("The backing file is not what the VHDX image was made over, or has been written since");
    }
}
