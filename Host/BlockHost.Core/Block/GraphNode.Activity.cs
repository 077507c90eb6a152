// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Core.Block.Bitmaps;
using BlockHost.Core.Block.Io;
using BlockHost.Core.Block.Opening;

namespace BlockHost.Core.Block;

/// <summary>
/// Inactive while the image may be another process's. All of this happens in drained sections.
/// <code>
///   active ──► bitmaps stored, flushed ──► driver's half closed, another stands in ──► no permissions, no locks: inactive
///      ▲                                                                                              │
///      └── bitmaps loaded ◄── driver's half opened with the children it has ◄── permissions, locks ◄──┘
/// </code>
/// A driver that caches nothing of an image, such as a filter, stays (<see cref="BlockDriver.ClosesWhenInactive"/>).
/// </summary>
internal sealed partial class GraphNode
{
    public bool IsActive => Generic.Active;

    /// <summary>Writes what is held back and gives the driver's half up; permissions are still there.</summary>
    public async ValueTask LetGoAsync(CancellationToken cancellationToken)
    {
        if (!ReadOnly)
        {
            await BitmapPersistence.StoreAsync(Bitmaps, cancellationToken).ConfigureAwait(false);
            await FlushAsync(cancellationToken).ConfigureAwait(false);
        }

        if (Driver.ClosesWhenInactive)
            await StandInAsync(cancellationToken).ConfigureAwait(false);
        else if (_driversNode!.TryGetFacet<IInactivatable>(out var facet))
            await facet.InactivateAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Closes the driver's half, and has another in its place.</summary>
    public async ValueTask StandInAsync(CancellationToken cancellationToken)
    {
        if (_driversNode is not { } node || node is InactiveNode)
            return;
        // What is opened inactive is opened for reading, whatever it is to be.
        var writable = IsActive ? node.Profile.Writable : !Generic.ReadOnly;
        var standIn = await InactiveNode.ForAsync(
            Name, node, writable, OpenForReadingAsync, cancellationToken).ConfigureAwait(false);
        PlaceDrained(standIn);
        RefreshProfile();
        try
        {
            await node.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            DisposeResources();
        }
    }

    /// <summary>The permissions are there: reads anew what there is to know of the image.</summary>
    public async ValueTask TakeOverAsync(CancellationToken cancellationToken)
    {
        if (_driversNode is InactiveNode)
        {
            var context = new NodeContext(_graph, this, OpenScope.Command) { KeepsChildren = true };
            var node = await _graph.OpenDriversHalfAsync(this, context, cancellationToken).ConfigureAwait(false);
            context.Seal();
            PlaceDrained(node);
            _recordedAs = RecordedBacking?.FileName;
        }
        else if (_driversNode!.TryGetFacet<IInactivatable>(out var facet))
        {
            await facet.ActivateAsync(cancellationToken).ConfigureAwait(false);
        }

        RefreshProfile();
    }

    /// <summary>Whose image it is, is settled.</summary>
    public void SetActive(bool active)
    {
        Generic = Generic with { Active = active };
        ForgetGaps();
        if (!active)
            BitmapPersistence.Forget(Bitmaps);
        RefreshProfile();
    }

    private async ValueTask<BlockNode> OpenForReadingAsync(CancellationToken cancellationToken)
    {
        var context = new NodeContext(_graph, this, OpenScope.Command) { KeepsChildren = true, ForReading = true };
        try
        {
            var node = await _graph.OpenDriversHalfAsync(this, context, cancellationToken).ConfigureAwait(false);
            context.Seal();
            return new ReadingNode(node, context);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    private void DisposeResources()
    {
        var resources = Interlocked.Exchange(ref _resources, []);
        foreach (var resource in resources)
            resource.Dispose();
    }

    /// <summary>A driver's half for one read, with what was made for it.</summary>
    private sealed class ReadingNode(BlockNode node, IDisposable made) : BlockNode
    {
        public override BlockProfile Profile => node.Profile;

        public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
            node.ReadAsync(offset, target, flags, cancellationToken);

        public override async ValueTask DisposeAsync()
        {
            try
            {
                await node.DisposeAsync().ConfigureAwait(false);
            }
            finally
            {
                made.Dispose();
            }
        }
    }
}
