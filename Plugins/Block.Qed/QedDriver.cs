// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qed.Format;
using BlockHost.Plugins.Block.Qed.Maintenance;

namespace BlockHost.Plugins.Block.Qed;

/// <summary>The driver "qed".</summary>
internal sealed class QedDriver : BlockDriver<QedOptions>
{
    private readonly ImageCreator _creator = new();

    public override string FormatName => "qed";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override bool SupportsBacking => true;

    protected override JsonTypeInfo<QedOptions> TypedOptionsType => QedJson.Default.QedOptions;

    /// <summary>The backing file that the header records.</summary>
    public static BackingFileReference? RecordedOf(QedImage image) =>
        image.BackingName is { Length: > 0 } name
            ? new BackingFileReference(name, (image.Header.Features & QedFeatures.BackingIsRaw) != 0 ? "raw" : null)
            : null;

    public override int Probe(ReadOnlySpan<byte> head, string? fileName) => head.StartsWith(QedHeader.Magic) ? 100 : 0;

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = _creator as T ?? this as T;
        return facet is not null;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, QedOptions options, CancellationToken cancellationToken)
    {
        var file = await context.OpenChildAsync(
            "file", BlockChildRole.Image, options.File, cancellationToken).ConfigureAwait(false);
        var bytes = new byte[QedHeader.Size];
        await file.ReadAsync(0, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var header = QedHeader.Parse(bytes);
        HeaderChecks.RequireReadable(header, file.Length);
        var image = new QedImage(file, header, context.Host.Buffers)
        { BackingName = await ReadNameAsync(file, header, cancellationToken).ConfigureAwait(false) };
        if (!context.ReadOnly)
            await PrepareForWritingAsync(image, context.ForRepair, cancellationToken).ConfigureAwait(false);
        image.Backing = await context.OpenBackingAsync(
            options.Backing, RecordedOf(image), cancellationToken).ConfigureAwait(false);
        return new QedNode(context, image);
    }

    public static async ValueTask PrepareForWritingAsync(QedImage image, bool forRepair, CancellationToken cancellationToken)
    {
        if (image.Header.AutoclearFeatures != 0)
            await image.WriteHeaderAsync(image.Header with { AutoclearFeatures = 0 }, cancellationToken).ConfigureAwait(false);
        if (image.Header.NeedsCheck && !forRepair)
            await new ImageChecker(image).CheckAsync(CheckRepair.Errors, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask<string?> ReadNameAsync(IBlockChild file, QedHeader header, CancellationToken cancellationToken)
    {
        if ((header.Features & QedFeatures.Backing) == 0)
            return null;
        var bytes = new byte[header.NameLength];
        await file.ReadAsync(header.NameOffset, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return Encoding.UTF8.GetString(bytes).Split('\0')[0];
    }
}
