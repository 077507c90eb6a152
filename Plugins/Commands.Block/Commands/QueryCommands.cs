// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>query-named-block-nodes, query-block and query-blockstats.</summary>
internal static class QueryCommands
{
    public static QmpCommand NamedBlockNodes() => QmpCommand.Create(
        "query-named-block-nodes",
        () => CommandsJson.Default.NamedBlockNodesArguments,
        () => CommandsJson.Default.IReadOnlyListBlockDeviceInfo,
        async (call, arguments, cancellationToken) =>
        {
            var infos = new List<BlockDeviceInfo>();
            foreach (var node in call.Host.Graph.Nodes)
                infos.Add(await BlockDeviceInfo.OfAsync(
                    call.Host.Images,
                    node,
                    arguments.Flat ?? false,
                    writeThrough: false,
                    cancellationToken).ConfigureAwait(false));
            return (IReadOnlyList<BlockDeviceInfo>)infos;
        });

    public static QmpCommand Block() => QmpCommand.CreateQuery(
        "query-block",
        () => CommandsJson.Default.IReadOnlyListBlockInfo,
        async (call, cancellationToken) =>
        {
            var infos = new List<BlockInfo>();
            foreach (var backend in call.Host.Graph.Backends.Where(backend => backend.Name is not null))
                infos.Add(await DescribeAsync(call.Host.Images, backend, cancellationToken).ConfigureAwait(false));
            return (IReadOnlyList<BlockInfo>)infos;
        });

    public static QmpCommand BlockStats() => QmpCommand.Create(
        "query-blockstats",
        () => CommandsJson.Default.BlockStatsArguments,
        () => CommandsJson.Default.IReadOnlyListBlockStatsEntry,
        (call, arguments, _) => new ValueTask<IReadOnlyList<BlockStatsEntry>>(
            arguments.QueryNodes ?? false ? OfNodes(call.Host.Graph) : OfBackends(call.Host.Graph)));

    // QEMU walks its nodes oldest first here, and newest first in query-named-block-nodes.
    private static IReadOnlyList<BlockStatsEntry> OfNodes(IBlockGraph graph) =>
        [.. graph.Nodes.Reverse().Select(node => BlockStatsEntry.OfNode(node, withBacking: false))];

    private static IReadOnlyList<BlockStatsEntry> OfBackends(IBlockGraph graph) =>
        [.. graph.Backends.Where(backend => backend.Name is not null).Select(BlockStatsEntry.OfBackend)];

    private static async ValueTask<BlockInfo> DescribeAsync(
        IImages images, IBlockBackend backend, CancellationToken cancellationToken)
    {
        var node = backend.Node;
        while (node.IsImplicit
            && node.Children.FirstOrDefault(edge => (edge.Role & BlockChildRole.Filtered) != 0)?.Child is { } below)
            node = below;
        return new BlockInfo
        {
            Device = backend.Name ?? "",
            Type = "unknown",
            Removable = false,
            Locked = false,
            Inserted = await BlockDeviceInfo.OfAsync(
                images, node, flat: false, backend.WriteThrough, cancellationToken).ConfigureAwait(false),
        };
    }
}
