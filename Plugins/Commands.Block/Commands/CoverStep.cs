// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>An overlay on top of a node, which is drained until the transaction is through.</summary>
internal sealed class CoverStep(IBlockGraph graph, IGraphNode node) : TransactionStep
{
    private IAsyncDisposable? _drained;
    private IImageFile? _image;
    private IGraphNode? _overlay;

    public IBlockGraph Graph => graph;

    public IGraphNode Node => node;

    /// <summary>Keeps the image open until its node has other users; a transaction that fails takes it back.</summary>
    public IGraphNode Keep(IImageFile image)
    {
        _image = image;
        return image.Node;
    }

    /// <param name="overlay">Looks up or opens the overlay, in the drained section.</param>
    public async ValueTask<TransactionStep> PrepareAsync(Func<ValueTask<IGraphNode>> overlay, CancellationToken cancellationToken)
    {
        try
        {
            _drained = await graph.DrainAsync(node, cancellationToken).ConfigureAwait(false);
            node.CheckOperation(BlockOperations.ExternalSnapshot);
            if (!node.ReadOnly)
                await node.FlushAsync(cancellationToken).ConfigureAwait(false);
            var top = await overlay().ConfigureAwait(false);
            Check(top);
            await graph.AppendAsync(top, node, cancellationToken).ConfigureAwait(false);
            _overlay = top;
            return this;
        }
        catch
        {
            await AbortAsync().ConfigureAwait(false);
            await CleanAsync().ConfigureAwait(false);
            throw;
        }
    }

    public override async ValueTask CommitAsync()
    {
        try
        {
            await graph.SetReadOnlyAsync(node, readOnly: true, CancellationToken.None).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // The snapshot is taken; that nothing may write below an overlay is kept by permissions.
        }
    }

    public override async ValueTask AbortAsync()
    {
        if (_overlay is not null)
            await graph.RemoveOverlayAsync(_overlay, CancellationToken.None).ConfigureAwait(false);
        if (_image is not null)
            await _image.TakeBackAsync().ConfigureAwait(false);
    }

    public override async ValueTask CleanAsync()
    {
        if (_image is not null)
            await _image.DisposeAsync().ConfigureAwait(false);
        if (_drained is not null)
            await _drained.DisposeAsync().ConfigureAwait(false);
    }

    private static void Check(IGraphNode overlay)
    {
        if (overlay.Parents.Any(edge => (edge.Permissions.Needed & BlockPermissions.ConsistentRead) != 0))
            throw new QmpException("The overlay is already in use");
        if (overlay.Driver.Kind == BlockDriverKind.Filter)
            throw new QmpException("Filters cannot be used as overlays");
        if (!overlay.Driver.SupportsBacking)
            throw new QmpException("The overlay does not support backing images");
        if (overlay.Backing is not null)
            throw new QmpException("The overlay already has a backing image");
    }
}
