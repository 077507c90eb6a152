// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>blockdev-snapshot-sync, blockdev-snapshot and change-backing-file.</summary>
internal static class SnapshotCommands
{
    public static QmpCommand SnapshotSync() => QmpCommand.CreateAction(
        "blockdev-snapshot-sync",
        CommandsJson.Default.SnapshotSyncArguments,
        async (call, arguments, cancellationToken) =>
            await SnapshotSyncAsync(call.Host.Graph, arguments, cancellationToken).ConfigureAwait(false));

    public static QmpCommand Snapshot() => QmpCommand.CreateAction(
        "blockdev-snapshot",
        CommandsJson.Default.SnapshotArguments,
        async (call, arguments, cancellationToken) =>
            await SnapshotAsync(call.Host.Graph, arguments, cancellationToken).ConfigureAwait(false),
        features: ["allow-write-only-overlay"]);

    public static QmpCommand ChangeBackingFile() => QmpCommand.CreateAction(
        "change-backing-file",
        CommandsJson.Default.ChangeBackingFileArguments,
        async (call, arguments, cancellationToken) =>
            await ChangeBackingFileAsync(call.Host.Graph, arguments, cancellationToken).ConfigureAwait(false));

    private static async ValueTask SnapshotSyncAsync(IBlockGraph graph, SnapshotSyncArguments arguments, CancellationToken cancellationToken)
    {
        var node = graph.Lookup(arguments.Device, arguments.NodeName);
        if (arguments.NodeName is not null && arguments.SnapshotNodeName is null)
            throw new QmpException("New overlay node-name missing");
        if (arguments.SnapshotNodeName is { } name && graph.TryGetNode(name, out _))
            throw new QmpException("New overlay node-name already in use");
        RequireNotBacking(node);

        var format = arguments.Format ?? "qcow2";
        var drained = await graph.DrainAsync(node, cancellationToken).ConfigureAwait(false);
        await using var quiet = drained.ConfigureAwait(false);
        if (!node.ReadOnly)
            await node.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (arguments.Mode is not NewImageMode.Existing)
            await OverlayImage.CreateAsync(graph, arguments.SnapshotFile, format, node, cancellationToken).ConfigureAwait(false);

        var options = OverlayImage.Options(arguments.SnapshotFile, format, arguments.SnapshotNodeName, node);
        var overlay = await graph.OpenAsync(BlockdevRef.New(options), OverlayImage.Unused, cancellationToken).ConfigureAwait(false);
        await using var overlayUse = overlay.ConfigureAwait(false);
        await CoverAsync(graph, overlay.Node, node, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask SnapshotAsync(IBlockGraph graph, SnapshotArguments arguments, CancellationToken cancellationToken)
    {
        var node = graph.Lookup(arguments.Node, arguments.Node);
        var overlay = graph.Lookup(arguments.Overlay, arguments.Overlay);
        RequireNotBacking(node);
        var drained = await graph.DrainAsync(node, cancellationToken).ConfigureAwait(false);
        await using var quiet = drained.ConfigureAwait(false);
        if (!node.ReadOnly)
            await node.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (overlay.Parents.Any(edge => edge.Parent is null))
            throw new QmpException("The overlay is already in use");
        if (overlay.Driver.Kind != BlockDriverKind.Filter && overlay.Backing is not null)
            throw new QmpException("The overlay already has a backing image");
        await CoverAsync(graph, overlay, node, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask CoverAsync(IBlockGraph graph, IGraphNode overlay, IGraphNode node, CancellationToken cancellationToken)
    {
        RequireBackingSupport(overlay);
        await graph.AppendAsync(overlay, node, cancellationToken).ConfigureAwait(false);
        try
        {
            await graph.SetReadOnlyAsync(node, readOnly: true, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is BlockException or QmpException)
        {
            // The snapshot is taken; that nothing may write below an overlay is kept by permissions.
        }
    }

    private static void RequireNotBacking(IGraphNode node)
    {
        if (node.Parents.FirstOrDefault(edge => (edge.Role & BlockChildRole.CopyOnWrite) != 0)?.Parent is { } overlay)
            throw new QmpException($"Node '{node.Name}' is busy: node is used as backing hd of '{overlay.Name}'");
    }

    private static void RequireBackingSupport(IGraphNode overlay)
    {
        if (!overlay.Driver.SupportsBacking)
            throw new QmpException("The overlay does not support backing images");
    }

    private static async ValueTask ChangeBackingFileAsync(IBlockGraph graph, ChangeBackingFileArguments arguments, CancellationToken cancellationToken)
    {
        var top = graph.Lookup(arguments.Device, arguments.Device);
        var image = graph.Lookup(device: null, arguments.ImageNodeName);
        if (image.Backing is null)
            throw new QmpException("not allowing backing file change on an image without a backing file");
        if (!Chain(top).Contains(image))
            throw new QmpException($"'{arguments.Device}' and image file are not in the same chain");
        if (!image.TryGetFacet<IBackingFileStore>(out _))
            throw new QmpException($"Could not change backing file to '{arguments.BackingFile}'");

        var drained = await graph.DrainAsync(image, cancellationToken).ConfigureAwait(false);
        await using var quiet = drained.ConfigureAwait(false);
        var wasReadOnly = image.ReadOnly;
        if (wasReadOnly)
            await graph.SetReadOnlyAsync(image, readOnly: false, cancellationToken).ConfigureAwait(false);
        try
        {
            // QEMU records the overlay's own format here, not the backing image's; clients have come to expect it.
            image.TryGetFacet<IBackingFileStore>(out var store);
            await store!.SetBackingAsync(new(arguments.BackingFile, image.Driver.FormatName), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (wasReadOnly)
                await graph.SetReadOnlyAsync(image, readOnly: true, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private static IEnumerable<IGraphNode> Chain(IGraphNode top)
    {
        for (var node = top; node is not null; node = node.Backing)
            yield return node;
    }
}
