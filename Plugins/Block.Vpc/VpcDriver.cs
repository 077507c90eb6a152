// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vpc.Maintenance;

namespace BlockHost.Plugins.Block.Vpc;

/// <summary>The driver "vpc".</summary>
internal sealed class VpcDriver : BlockDriver<VpcOptions>
{
    private readonly ImageCreator _creator = new();

    public override string FormatName => "vpc";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override bool SupportsBacking => true;

    public override IReadOnlyList<string> StrongOptions => ["force_size_calc"];

    protected override JsonTypeInfo<VpcOptions> TypedOptionsType => VpcJson.Default.VpcOptions;

    /// <summary>A fixed image has its mark at the end only, and is taken for a raw one.</summary>
    public override int Probe(ReadOnlySpan<byte> head, string? fileName) => head.StartsWith("conectix"u8) ? 100 : 0;

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = _creator as T ?? this as T;
        return facet is not null;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, VpcOptions options, CancellationToken cancellationToken)
    {
        var file = await context.OpenChildAsync(
            "file", BlockChildRole.Image, options.File, cancellationToken).ConfigureAwait(false);
        var opening = new ImageOpening(file, context.Host.Buffers);
        var disk = await opening.OpenAsync(options.ForceSizeCalc, cancellationToken).ConfigureAwait(false);
        if (disk is not DifferencingDisk differencing)
        {
            if (await context.OpenBackingAsync(
                options.Backing, recorded: null, cancellationToken).ConfigureAwait(false) is not null)
                throw new BlockException(
                    BlockErrorKind.InvalidArgument, "The VPC image is no differencing image: it has no backing file");
            return new VpcNode(context, disk, parent: null);
        }

        var recorded = await opening.FindParentAsync(differencing, cancellationToken).ConfigureAwait(false);
        differencing.Backing = await context.OpenBackingAsync(options.Backing, recorded, cancellationToken).ConfigureAwait(false);
        RequireParent(differencing, mayBeNone: context.NoIo || context.NoBacking || options.Backing is { Value: null });
        return new VpcNode(context, disk, recorded);
    }

    /// <param name="mayBeNone">Nobody looks at the data, or the user wants to see what the image has itself.</param>
    private static void RequireParent(DifferencingDisk disk, bool mayBeNone)
    {
        if (disk.Backing is null && mayBeNone)
            return;
        if (disk.Backing is not { } backing)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "The VPC image names its parent by no plain path: give it as 'backing'");
        if (backing.TryGetFacet<IVpcIdentity>(out var parent) && parent.Id != disk.Header.ParentId)
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                $"The backing file has UUID {parent.Id}, and the VPC image was made over {disk.Header.ParentId}");
    }
}
