// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Copying;

namespace BlockHost.Plugins.Filter.CopyBeforeWrite;

/// <summary>The node that users make: a disk that remembers what it was.</summary>
internal sealed class SnapshotNode : CopyBeforeWriteNode
{
    private readonly IBlockGraph _graph;
    private readonly string _name;
    private readonly OnCbwError _onError;

    public SnapshotNode(
        IBlockNodeContext context, IBlockChild source, IBlockChild target, Snapshot snapshot, CopyBeforeWriteOptions options)
        : base(source, target)
    {
        _graph = context.PluginHost.Graph;
        _name = context.NodeName;
        Snapshot = snapshot;
        _onError = options.OnCbwError ?? OnCbwError.BreakGuestWrite;
        if (options.CbwTimeout is > 0 and var seconds)
            LimitCopies(TimeSpan.FromSeconds(seconds), context.Host.Clock);
        SetCopier(snapshot.Copier);
    }

    public Snapshot Snapshot { get; }

    /// <summary>Whoever uses the node, be it only to look at the snapshot, relies on nobody writing past it.</summary>
    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own)
    {
        Exclusive = _graph.TryGetNode(_name, out var self) && self.Parents.Count > 0;
        return base.GetChildPermissions(child, own);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync().ConfigureAwait(false);
        Snapshot.Dispose();
    }

    protected override bool CopyFailed(CopyResult result)
    {
        if (_onError == OnCbwError.BreakGuestWrite)
            return false;
        // Nothing is left that would be worth a copy.
        Snapshot.Break();
        SetCopier(null);
        return true;
    }
}
