// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Block.Graph;

/// <summary>A child that knows its place in the graph: what the host gives to drivers is one.</summary>
public interface IGraphChild : IBlockChild
{
    /// <summary>The child's node; null where there is no graph around it.</summary>
    IGraphNode? Node => null;

    /// <summary>State of a run over the child and its backing files.</summary>
    ValueTask<ChainStatus> GetChainStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken);
}

/// <summary>The second ring, for drivers that work with the graph around them: filters of jobs, composites, overlays.</summary>
public static class GraphAccess
{
    extension(IBlockNodeContext context)
    {
        /// <summary>All of the host's services. Opening is no time to change the graph.</summary>
        public IPluginHost PluginHost => (IPluginHost)context.Host;
    }

    extension(IBlockChild child)
    {
        /// <summary>
        /// The child's node in the graph, for filters that look at what lies below; null where there is no graph.
        /// </summary>
        public IGraphNode? Node => (child as IGraphChild)?.Node;

        /// <summary>
        /// State of a run over the child and its backing files. A child without a graph around it answers for itself alone:
        /// depth 0 where it is allocated, else 1.
        /// </summary>
        public ValueTask<ChainStatus> GetChainStatusAsync(
            long offset,
            long bytes,
            StatusPrecision precision = StatusPrecision.WantZero,
            CancellationToken cancellationToken = default) =>
            child is IGraphChild inGraph
                ? inGraph.GetChainStatusAsync(offset, bytes, precision, cancellationToken)
                : OwnStatusAsync(child, offset, bytes, precision, cancellationToken);
    }

    private static async ValueTask<ChainStatus> OwnStatusAsync(
        IBlockChild child, long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        var own = await child.GetStatusAsync(offset, bytes, precision, cancellationToken).ConfigureAwait(false);
        var depth = (own.Flags & BlockStatusFlags.Allocated) != 0 ? 0 : 1;
        return new ChainStatus(IoStatus.Ok, own.Bytes, own.Flags, depth, own.HostOffset, File: null);
    }
}
