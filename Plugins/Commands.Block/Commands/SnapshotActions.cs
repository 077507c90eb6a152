// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>blockdev-snapshot-sync: creates and opens an overlay, and puts it on top of a node.</summary>
internal sealed class SnapshotSyncAction : TransactionAction<SnapshotSyncArguments>
{
    public override string Name => "blockdev-snapshot-sync";

    protected override JsonTypeInfo<SnapshotSyncArguments> TypedDataType => CommandsJson.Default.SnapshotSyncArguments;

    protected override async ValueTask<TransactionStep> PrepareAsync(
        ITransactionContext context, SnapshotSyncArguments arguments, CancellationToken cancellationToken)
    {
        var graph = context.Host.Graph;
        var step = new CoverStep(graph, graph.Lookup(arguments.Device, arguments.NodeName));
        return await step.PrepareAsync(
            () => OverlayAsync(context.Host.Images, step, arguments, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask<IGraphNode> OverlayAsync(
        IImages images, CoverStep step, SnapshotSyncArguments arguments, CancellationToken cancellationToken)
    {
        var (graph, node) = (step.Graph, step.Node);
        if (arguments.NodeName is not null && arguments.SnapshotNodeName is null)
            throw new QmpException("New overlay node-name missing");
        if (arguments.SnapshotNodeName is { } name && graph.TryGetNode(name, out _))
            throw new QmpException("New overlay node-name already in use");
        var image = new ImageFileOptions
        {
            FileName = arguments.SnapshotFile,
            Format = arguments.Format ?? "qcow2",
            Mode = arguments.Mode ?? NewImageMode.AbsolutePaths,
            Length = node.Length,
            Backing = node,
            NoBacking = true,
            Like = node,
            NodeName = arguments.SnapshotNodeName,
        };
        return step.Keep(await images.OpenAsync(image, cancellationToken).ConfigureAwait(false));
    }
}

/// <summary>blockdev-snapshot: puts an open overlay on top of a node.</summary>
internal sealed class SnapshotAction : TransactionAction<SnapshotArguments>
{
    public override string Name => "blockdev-snapshot";

    protected override JsonTypeInfo<SnapshotArguments> TypedDataType => CommandsJson.Default.SnapshotArguments;

    protected override async ValueTask<TransactionStep> PrepareAsync(
        ITransactionContext context, SnapshotArguments arguments, CancellationToken cancellationToken)
    {
        var graph = context.Host.Graph;
        var step = new CoverStep(graph, graph.Lookup(arguments.Node, arguments.Node));
        return await step.PrepareAsync(
            () => new(graph.Lookup(arguments.Overlay, arguments.Overlay)), cancellationToken).ConfigureAwait(false);
    }
}
