// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Plugins.Job.Commit;

/// <summary>A node that a job writes, and that goes back to reading only if it came from there.</summary>
internal sealed class WritableNode
{
    private readonly IBlockGraph _graph;
    private readonly IGraphNode _node;
    private bool _wasReadOnly;

    private WritableNode(IBlockGraph graph, IGraphNode node) => (_graph, _node) = (graph, node);

    public static async ValueTask<WritableNode> OpenAsync(IBlockGraph graph, IGraphNode node, CancellationToken cancellationToken)
    {
        var access = new WritableNode(graph, node);
        if (!node.ReadOnly)
            return access;
        await graph.SetReadOnlyAsync(node, readOnly: false, cancellationToken).ConfigureAwait(false);
        access._wasReadOnly = true;
        return access;
    }

    /// <summary>Somebody else may have come to write the node meanwhile: then it stays writable.</summary>
    public async ValueTask RestoreAsync()
    {
        if (!_wasReadOnly)
            return;
        _wasReadOnly = false;
        try
        {
            await _graph.SetReadOnlyAsync(_node, readOnly: true, CancellationToken.None).ConfigureAwait(false);
        }
        catch (BlockException)
        {
        }
    }
}
