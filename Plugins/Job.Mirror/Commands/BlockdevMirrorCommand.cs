// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Mirror.Commands;

/// <summary>blockdev-mirror: to a node that exists.</summary>
internal static class BlockdevMirrorCommand
{
    public static QmpCommand Create(MirrorJobType type) => QmpCommand.CreateAction(
        "blockdev-mirror",
        MirrorJson.Default.BlockdevMirrorArguments,
        (call, arguments, cancellationToken) => StartAsync(type, call.Host, arguments, cancellationToken));

    private static async ValueTask StartAsync(MirrorJobType type, IPluginHost host, BlockdevMirrorArguments arguments, CancellationToken cancellationToken)
    {
        var source = RootNode(host.Graph, arguments.Device);
        var target = host.Graph.Lookup(arguments.Target, arguments.Target);
        var request = new MirrorRequest
        {
            Id = arguments.JobId,
            Flags = JobRequest.FlagsOf(arguments.AutoFinalize, arguments.AutoDismiss),
            Speed = arguments.Speed ?? 0,
            Sync = arguments.Sync,
            Granularity = arguments.Granularity,
            BufferSize = arguments.BufSize,
            OnSourceError = arguments.OnSourceError ?? BlockdevOnError.Report,
            OnTargetError = arguments.OnTargetError ?? BlockdevOnError.Report,
            CopyMode = arguments.CopyMode ?? MirrorCopyMode.Background,
            Replaces = arguments.Replaces,
            FilterNodeName = arguments.FilterNodeName,
        };
        await MirrorStart.RunAsync(type, host, source, target, request, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A node that no other node is built on.</summary>
    private static IGraphNode RootNode(IBlockGraph graph, string name)
    {
        var node = graph.Lookup(name, name);
        return node.Parents.Any(edge => edge.Parent is not null) ? throw new QmpException("Need a root block node") : node;
    }
}
