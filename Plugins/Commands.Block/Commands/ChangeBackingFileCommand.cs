// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>change-backing-file.</summary>
internal static class ChangeBackingFileCommand
{
    public static QmpCommand Create() => QmpCommand.CreateAction(
        "change-backing-file",
        () => CommandsJson.Default.ChangeBackingFileArguments,
        async (call, arguments, cancellationToken) =>
            await ChangeBackingFileAsync(call.Host.Graph, arguments, cancellationToken).ConfigureAwait(false));

    private static async ValueTask ChangeBackingFileAsync(
        IBlockGraph graph, ChangeBackingFileArguments arguments, CancellationToken cancellationToken)
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
            await store!.SetBackingAsync(
                new(arguments.BackingFile, image.Driver.FormatName), cancellationToken).ConfigureAwait(false);
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
