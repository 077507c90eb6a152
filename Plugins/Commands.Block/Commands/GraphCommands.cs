// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>blockdev-del, blockdev-reopen, block_resize and block-set-write-threshold.</summary>
internal static class GraphCommands
{
    public static QmpCommand BlockdevDel() => QmpCommand.CreateAction(
        "blockdev-del",
        CommandsJson.Default.BlockdevDelArguments,
        (call, arguments, cancellationToken) => call.Host.Graph.RemoveAsync(arguments.NodeName, cancellationToken));

    public static QmpCommand BlockdevReopen() => QmpCommand.CreateAction(
        "blockdev-reopen",
        CommandsJson.Default.BlockdevReopenArguments,
        (call, arguments, cancellationToken) =>
            call.Host.Graph.ReopenAsync([.. arguments.Options.Select(options => options.Json)], cancellationToken));

    public static QmpCommand BlockResize() => QmpCommand.CreateAction(
        "block_resize",
        CommandsJson.Default.BlockResizeArguments,
        async (call, arguments, cancellationToken) =>
        {
            var node = call.Host.Graph.Lookup(arguments.Device, arguments.NodeName);
            if (arguments.Size < 0)
                throw new QmpException("Parameter 'size' expects a >0 size");
            CheckMayResize(node, arguments.Device);
            var drained = await call.Host.Graph.DrainAsync(node, cancellationToken).ConfigureAwait(false);
            await using var quiet = drained.ConfigureAwait(false);
            await node.ResizeAsync(arguments.Size, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        });

    public static QmpCommand SetWriteThreshold() => QmpCommand.CreateAction(
        "block-set-write-threshold",
        CommandsJson.Default.WriteThresholdArguments,
        (call, arguments, _) =>
        {
            if (!call.Host.Graph.TryGetNode(arguments.NodeName, out var node))
                throw new QmpException($"Device '{arguments.NodeName}' not found");
            node.WriteThreshold = (long)Math.Min(arguments.WriteThreshold, long.MaxValue);
            return ValueTask.CompletedTask;
        });

    private static void CheckMayResize(IGraphNode node, string? device)
    {
        try
        {
            node.CheckOperation(BlockOperations.Resize);
        }
        catch (QmpException e)
        {
            // The older text, printf's null included.
            throw new QmpException(QmpErrorClass.GenericError, $"Device '{device ?? "(null)"}' is in use", e);
        }
    }
}
