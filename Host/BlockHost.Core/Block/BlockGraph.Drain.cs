// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Changes;

namespace BlockHost.Core.Block;

/// <summary>Drained sections.</summary>
public sealed partial class BlockGraph
{
    private ImmutableHashSet<DrainedSection> _drained = [];

    public async ValueTask<IAsyncDisposable> DrainAsync(IGraphNode? node, CancellationToken cancellationToken)
    {
        var section = new DrainedSection(this, node is null ? null : Own(node));
        ImmutableInterlocked.Update(ref _drained, static (sections, added) => sections.Add(added), section);
        try
        {
            await section.BeginAsync(cancellationToken).ConfigureAwait(false);
            return section;
        }
        catch
        {
            await section.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    internal void Ended(DrainedSection section) =>
        ImmutableInterlocked.Update(ref _drained, static (sections, ended) => sections.Remove(ended), section);

    internal IReadOnlyList<GraphNode> AllNodesTopDown() => GraphWalk.DownFrom(_listed);

    /// <summary>The graph has new users or edges: sections that are going on hold them back as well.</summary>
    private async ValueTask ExtendDrainsAsync()
    {
        foreach (var section in _drained)
            await section.BeginAsync(CancellationToken.None).ConfigureAwait(false);
    }
}
