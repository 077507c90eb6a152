// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Commit;

/// <summary>
/// The end. Overlays say for good that the base is their backing file before the images in between leave the graph:
/// <code>
///   active ─► commit_top ─► top ─► … ─► base      becomes      active ─► base
/// </code>
/// </summary>
internal sealed partial class CommitJob
{
    public override async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        await ReleaseBackendsAsync().ConfigureAwait(false);
        try
        {
            foreach (var overlay in CommitChain.OverlaysOf(_nodes.Filter))
                await RecordBaseAsync(overlay, cancellationToken).ConfigureAwait(false);
            await _host.Graph.ReplaceAsync(_nodes.Filter, _chain.Base, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new JobException(e.Errno, e.Message, e);
        }
    }

    public override async ValueTask AbortAsync()
    {
        await ReleaseBackendsAsync().ConfigureAwait(false);
        await _context.ReleaseNodesAsync().ConfigureAwait(false);
        await _host.Graph.RemoveFilterAsync(_nodes.Filter, CancellationToken.None).ConfigureAwait(false);
    }

    public override async ValueTask CleanAsync()
    {
        await ReleaseBackendsAsync().ConfigureAwait(false);
        await _nodes.Access.RestoreAsync().ConfigureAwait(false);
    }

    private async ValueTask RecordBaseAsync(IGraphNode overlay, CancellationToken cancellationToken)
    {
        if (!overlay.TryGetFacet<IBackingFileStore>(out var header))
            return;
        var access = await WritableNode.OpenAsync(_host.Graph, overlay, cancellationToken).ConfigureAwait(false);
        try
        {
            var backing = new BackingFileReference(_request.BackingFile ?? _chain.Base.FileName, _chain.Base.Driver.FormatName);
            await header.SetBackingAsync(backing, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await access.RestoreAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask ReleaseBackendsAsync()
    {
        await _source.DisposeAsync().ConfigureAwait(false);
        await _target.DisposeAsync().ConfigureAwait(false);
        await _context.ReleaseNodesAsync(_nodes.Source, _nodes.Target).ConfigureAwait(false);
    }
}
