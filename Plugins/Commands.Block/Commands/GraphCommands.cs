// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>
/// blockdev-del, blockdev-reopen, blockdev-set-active, x-blockdev-change, block_resize and block-set-write-threshold.
/// </summary>
internal static class GraphCommands
{
    public static QmpCommand BlockdevDel() => QmpCommand.CreateAction(
        "blockdev-del",
        () => CommandsJson.Default.BlockdevDelArguments,
        (call, arguments, cancellationToken) => call.Host.Graph.RemoveAsync(arguments.NodeName, cancellationToken));

    public static QmpCommand BlockdevReopen() => QmpCommand.CreateAction(
        "blockdev-reopen",
        () => CommandsJson.Default.BlockdevReopenArguments,
        (call, arguments, cancellationToken) =>
            call.Host.Graph.ReopenAsync([.. arguments.Options.Select(options => options.Json)], cancellationToken));

    public static QmpCommand BlockdevSetActive() => QmpCommand.CreateAction(
        "blockdev-set-active",
        () => CommandsJson.Default.BlockdevSetActiveArguments,
        (call, arguments, cancellationToken) =>
        {
            IGraphNode? node = null;
            if (arguments.NodeName is { } name && !call.Host.Graph.TryGetNode(name, out node))
                throw new QmpException($"Failed to find node with node-name='{name}'");
            return call.Host.Graph.SetActiveAsync(node, arguments.Active, cancellationToken);
        });

    public static QmpCommand BlockdevChange() => QmpCommand.CreateAction(
        "x-blockdev-change",
        () => CommandsJson.Default.BlockdevChangeArguments,
        (call, arguments, cancellationToken) => ChangeAsync(call.Host.Graph, arguments, cancellationToken),
        features: ["unstable"]);

    public static QmpCommand BlockResize() => QmpCommand.CreateAction(
        "block_resize",
        () => CommandsJson.Default.BlockResizeArguments,
        async (call, arguments, cancellationToken) =>
        {
            var node = call.Host.Graph.Lookup(arguments.Device, arguments.NodeName);
            if (arguments.Size < 0)
                throw new QmpException(ParameterFault.OutOfRange("size", "a >0 size"));
            CheckMayResize(node, arguments.Device);
            await node.ResizeAsync(arguments.Size, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        });

    public static QmpCommand SetWriteThreshold() => QmpCommand.CreateAction(
        "block-set-write-threshold",
        () => CommandsJson.Default.WriteThresholdArguments,
        (call, arguments, _) =>
        {
            if (!call.Host.Graph.TryGetNode(arguments.NodeName, out var node))
                throw new QmpException($"Device '{arguments.NodeName}' not found");
            node.WriteThreshold = (long)Math.Min(arguments.WriteThreshold, long.MaxValue);
            return ValueTask.CompletedTask;
        });

    private static ValueTask ChangeAsync(
        IBlockGraph graph, BlockdevChangeArguments arguments, CancellationToken cancellationToken)
    {
        var parent = graph.Lookup(arguments.Parent, arguments.Parent);
        switch (arguments)
        {
            case { Child: null, Node: null }:
                throw new QmpException("Either child or node must be specified");
            case { Child: { } name, Node: null }:
                var child = parent.Children.FirstOrDefault(edge => edge.Name == name)
                    ?? throw new QmpException($"Node '{arguments.Parent}' does not have child '{name}'");
                return graph.RemoveChildAsync(parent, child, cancellationToken);
            case { Child: null, Node: { } node }:
                return graph.TryGetNode(node, out var added)
                    ? graph.AddChildAsync(parent, added, cancellationToken)
                    : throw new QmpException($"Node '{node}' not found");
            default:
                throw new QmpException("The parameters child and node are in conflict");
        }
    }

    private static void CheckMayResize(IGraphNode node, string? device)
    {
        try
        {
            node.CheckOperation(BlockOperations.Resize);
        }
        catch (BlockException e)
        {
            // The older text, printf's null included.
            throw new QmpException(QmpErrorClass.GenericError, $"Device '{device ?? "(null)"}' is in use", e);
        }
    }
}
