// SPDX-License-Identifier: MIT
using System.Runtime.ExceptionServices;
using BlockHost.Block;
using BlockHost.Core.Block.Changes;

namespace BlockHost.Core.Block;

/// <summary>
/// Closing nodes that nobody uses any more. A driver may wait for the outside world while it writes out what it holds, so a
/// change of the graph only marks them; who made the change closes them when it has given the lock back:
/// <code>
///   last user gone ─► marked: not found any more ─► driver's half ends ─► taken out, children may be unused ─► …
///                lock                                   no lock               lock
/// </code>
/// The name stays taken until the node is out. A drained section waits for what is being closed above its node.
/// </summary>
public sealed partial class BlockGraph
{
    /// <summary>Guarded by the lock: marked, and not yet closed.</summary>
    private List<GraphNode> _unused = [];

    /// <summary>
    /// Under the lock: marks the node if nobody uses it; it is closed, with its unused children, at the end of the change.
    /// </summary>
    internal void CloseIfUnused(GraphNode node)
    {
        if (node.MonitorOwned || node.Holds > 0 || node.IsClosed || node.ParentEdges.Length > 0)
            return;
        node.MarkClosed();
        _unused.Add(node);
    }

    /// <summary>Gives the lock back, then closes what the change has left unused.</summary>
    /// <exception cref="BlockException">A node could not write what it held back. All are closed nevertheless.</exception>
    private ValueTask EndChangeAsync()
    {
        if (_unused.Count == 0)
        {
            _changes.Release();
            return ValueTask.CompletedTask;
        }

        (var unused, _unused) = (_unused, []);
        unused.ForEach(node => node.BeginClosing());
        _changes.Release();
        return CloseAsync(unused);
    }

    private async ValueTask CloseAsync(List<GraphNode> unused)
    {
        Exception? failure = null;
        unused.Reverse();
        var waiting = new Stack<GraphNode>(unused);
        while (waiting.TryPop(out var node))
        {
            try
            {
                await node.CloseAsync().ConfigureAwait(false);
            }
            catch (Exception e)
            {
                failure ??= e;
            }

            await _changes.WaitAsync().ConfigureAwait(false);
            try
            {
                foreach (var child in await DetachChildrenAsync(node).ConfigureAwait(false))
                    CloseIfUnused(child);
                foreach (var child in _unused)
                {
                    child.BeginClosing();
                    waiting.Push(child);
                }

                _unused.Clear();
            }
            catch (Exception e)
            {
                // Those that wait are closed all the same.
                failure ??= e;
            }
            finally
            {
                _changes.Release();
            }
        }

        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Completes when what other changes have left unused is closed.</summary>
    private async ValueTask OthersHaveClosedAsync()
    {
        while (_listed.FirstOrDefault(node => node.IsClosed) is { } closing)
        {
            await closing.WhenClosed.ConfigureAwait(false);
            // Who closes it needs the lock to take it out.
            await using var turn = (await BeginChangeAsync(CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
        }
    }

    /// <summary>Takes a closed node out of the graph.</summary>
    private async ValueTask<IReadOnlyList<GraphNode>> DetachChildrenAsync(GraphNode node)
    {
        Unlist(node);
        foreach (var link in node.ChildLinks)
            link.Child.DetachParent(link);
        var children = node.ChildLinks.Select(link => link.Child).Distinct().Reverse().ToArray();
        node.ChildLinks = [];
        foreach (var child in children)
            await PermissionUpdate.LoosenAsync(child).ConfigureAwait(false);
        return children;
    }

    /// <summary>Gives the lock back at the end of a change.</summary>
    private readonly struct ChangeLock(BlockGraph graph) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => graph.EndChangeAsync();
    }
}
