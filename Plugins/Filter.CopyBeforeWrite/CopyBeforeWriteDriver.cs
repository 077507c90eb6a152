// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Copying;

namespace BlockHost.Plugins.Filter.CopyBeforeWrite;

/// <summary>The driver "copy-before-write": the moment is that at which the node is opened.</summary>
internal sealed class CopyBeforeWriteDriver : BlockDriver<CopyBeforeWriteOptions>
{
    public override string FormatName => "copy-before-write";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    protected override JsonTypeInfo<CopyBeforeWriteOptions> TypedOptionsType =>
        CopyBeforeWriteJson.Default.CopyBeforeWriteOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, CopyBeforeWriteOptions options, CancellationToken cancellationToken)
    {
        var source = await context.OpenChildAsync(
            "file", BlockChildRole.Filtered | BlockChildRole.Primary, options.File, cancellationToken).ConfigureAwait(false);
        var target = await context.OpenChildAsync(
            "target", BlockChildRole.Data, options.Target, cancellationToken).ConfigureAwait(false);
        var wanted = options.Bitmap is { } name ? context.PluginHost.Graph.FindDirtyBitmap(name.Node, name.Name) : null;
        wanted?.RequireUsable(BitmapUse.AllowReadOnly);
        var (node, targetNode) = (source.Node!, target.Node!);
        var copyOptions = new ClusterCopyOptions
        {
            ClusterSize = await ClusterCopyOptions.ClusterSizeForAsync(
            targetNode, cancellationToken).ConfigureAwait(false)
        };
        var pending = node.DirtyBitmaps.CreateAnonymous(copyOptions.ClusterSize, enabled: false);
        IDirtyBitmap? inside = null;
        IReadTracker? readers = null;
        try
        {
            Mark(pending, wanted);
            readers = ClusterCopier.TrackReaders(node, targetNode);
            inside = wanted is null ? null : node.DirtyBitmaps.CreateAnonymous(copyOptions.ClusterSize, enabled: false);
            inside?.Merge(pending);
            var copier = new ClusterCopier(source, target, pending, context.Host.Buffers, copyOptions, readers);
            return new SnapshotNode(context, source, target, new Snapshot(copier, pending, inside, readers), options);
        }
        catch
        {
            pending.Dispose();
            inside?.Dispose();
            readers?.Dispose();
            throw;
        }
    }

    private static void Mark(IDirtyBitmap pending, IDirtyBitmap? wanted)
    {
        if (wanted is null)
            pending.Set(0, pending.Length);
        else
            pending.Merge(wanted);
    }
}
