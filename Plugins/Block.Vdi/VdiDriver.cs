// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vdi.Format;
using BlockHost.Plugins.Block.Vdi.Maintenance;

namespace BlockHost.Plugins.Block.Vdi;

/// <summary>The driver "vdi".</summary>
internal sealed class VdiDriver : BlockDriver<VdiOptions>
{
    private readonly ImageCreator _creator = new();

    public override string FormatName => "vdi";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override bool SupportsBacking => true;

    protected override JsonTypeInfo<VdiOptions> TypedOptionsType => VdiJson.Default.VdiOptions;

    public override int Probe(ReadOnlySpan<byte> head, string? fileName) => VdiHeader.HasSignature(head) ? 100 : 0;

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = _creator as T ?? this as T;
        return facet is not null;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, VdiOptions options, CancellationToken cancellationToken)
    {
        var file = await context.OpenChildAsync(
            "file", BlockChildRole.Image, options.File, cancellationToken).ConfigureAwait(false);
        var sector = new byte[VdiHeader.Size];
        await file.ReadAsync(0, sector, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var header = new VdiHeader(sector);
        HeaderChecks.RequireReadable(header);
        if (!context.ReadOnly)
            HeaderChecks.RequireWritable(header);
        var backing = await context.OpenBackingAsync(options.Backing, recorded: null, cancellationToken).ConfigureAwait(false);
        RequireParent(header, backing, mayBeNone: context.NoIo || context.NoBacking || options.Backing is { Value: null });
        return new VdiNode(context, new VdiImage(file, header, context.Host.Buffers) { Backing = backing });
    }

    /// <summary>An image has a backing file where it says that it needs one, and only there.</summary>
    /// <param name="mayBeNone">Nobody looks at the data, or the user wants to see what the image has itself.</param>
    private static void RequireParent(VdiHeader header, IBlockChild? backing, bool mayBeNone)
    {
        if (backing is null && mayBeNone)
            return;
        if (backing is null)
            HeaderChecks.RequireNoParent(header);
        else if (!header.IsDifferencing)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "The VDI image is no differencing image: it has no backing file");
        else if (backing.TryGetFacet<IVdiIdentity>(out var parent) && parent.Id != header.ParentId)
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                $"The backing file has UUID {parent.Id}, and the VDI image was made over {header.ParentId}");
    }
}
