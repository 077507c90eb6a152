// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Changes;
using BlockHost.Core.Logging;
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Block;

/// <summary>Drained sections.</summary>
public sealed partial class BlockGraph
{
    private ImmutableHashSet<DrainedSection> _drained = [];

    public ValueTask<IAsyncDisposable> DrainAsync(IGraphNode? node, CancellationToken cancellationToken) =>
        DrainAsync(node, isBrief: false, except: null, cancellationToken);

    /// <summary>A drained section that jobs do not see: what is done in it takes no time and concerns none of them.</summary>
    internal ValueTask<IAsyncDisposable> DrainBrieflyAsync(IGraphNode node, CancellationToken cancellationToken) =>
        DrainAsync(node, isBrief: true, except: null, cancellationToken);

    private async ValueTask<IAsyncDisposable> DrainAsync(
        IGraphNode? node, bool isBrief, Backend? except, CancellationToken cancellationToken)
    {
        var section = new DrainedSection(this, node is null ? null : Own(node), isBrief, except);
        ImmutableInterlocked.Update(ref _drained, static (sections, added) => sections.Add(added), section);
        try
        {
            var beginning = section.BeginAsync(cancellationToken);
            using var watch = beginning.IsCompleted ? null : WatchDrain(node);
            await beginning.ConfigureAwait(false);
            return section;
        }
        catch
        {
            await section.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A drain that waits holds everything up that needs the graph: the log says what it waits on.</summary>
    private ITimer? WatchDrain(IGraphNode? node)
    {
        if (!Log.IsEnabled(LogLevel.Warning))
            return null;
        var what = node is null ? "all nodes" : $"node '{node.Name}'";
        return Clock.CreateTimer(
            _ => Log.DrainWaits(what, HostLog.SlowAfter.TotalSeconds), null, HostLog.SlowAfter, Timeout.InfiniteTimeSpan);
    }

    internal void Ended(DrainedSection section) =>
        ImmutableInterlocked.Update(ref _drained, static (sections, ended) => sections.Remove(ended), section);

    internal IReadOnlyList<GraphNode> AllNodesTopDown() => GraphWalk.DownFrom(_listed);

    /// <summary>Those above a node, or all.</summary>
    internal IEnumerable<GraphNode> NodesBeingOpened(GraphNode? above)
    {
        var opening = _opening;
        return above is null || opening.IsEmpty ? opening : GraphWalk.UpFrom(above).Where(opening.Contains);
    }

    /// <summary>The graph has new users or edges: sections that are going on hold them back as well.</summary>
    private async ValueTask ExtendDrainsAsync()
    {
        foreach (var section in _drained)
            await section.ExtendAsync(CancellationToken.None).ConfigureAwait(false);
    }
}
