// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block.Changes;

/// <summary>
/// A time in which nothing is in flight on a node. Users above it are held back, drivers above it stop their own work, and
/// then what is under way is waited for. A user that stops by itself is held back only when it has. Users that come
/// meanwhile are held back too.
/// </summary>
internal sealed class DrainedSection(BlockGraph graph, GraphNode? node) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<Backend> _heldBack = [];
    private readonly HashSet<Backend> _stopping = [];
    private readonly List<GraphNode> _quiet = [];
    private bool _ended;

    /// <summary>Holds back what reaches the node now, and waits until it is idle.</summary>
    public async ValueTask BeginAsync(CancellationToken cancellationToken)
    {
        var (backends, quiet) = HoldBack(cancellationToken);
        foreach (var backend in backends)
        {
            if (backend.DrainedUser is { } user)
            {
                await user.WhenQuiet().WaitAsync(cancellationToken).ConfigureAwait(false);
                HoldBackStopped(backend);
            }

            await backend.WhenIdle().WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        await Task.WhenAll(quiet).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            if (_ended)
                return ValueTask.CompletedTask;
            _ended = true;
        }

        graph.Ended(this);
        for (var i = _quiet.Count - 1; i >= 0; i--)
            _quiet[i].DrainEnd();
        foreach (var backend in _heldBack)
            backend.Release();
        foreach (var backend in _stopping)
            backend.DrainedUser!.DrainEnd();
        return ValueTask.CompletedTask;
    }

    private (IReadOnlyList<Backend> Backends, IReadOnlyList<Task> Quiet) HoldBack(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_ended)
                return ([], []);
            var above = node is null ? graph.AllNodesTopDown() : [.. Enumerable.Reverse(GraphWalk.UpFrom(node))];
            var backends = above.SelectMany(n => n.ParentEdges).OfType<RootLink>().Select(root => root.Backend).Where(HoldBack).ToArray();
            var nodes = above.Where(n => n.IsOpen && !n.IsClosed && !_quiet.Contains(n)).ToArray();
            _quiet.AddRange(nodes);
            return (backends, [.. nodes.Select(n => n.DrainBegin(cancellationToken))]);
        }
    }

    private bool HoldBack(Backend backend)
    {
        if (backend.DrainedUser is { } user)
        {
            if (!_stopping.Add(backend))
                return false;
            user.DrainBegin();
            return true;
        }

        if (!_heldBack.Add(backend))
            return false;
        backend.HoldBack();
        return true;
    }

    private void HoldBackStopped(Backend backend)
    {
        lock (_lock)
        {
            if (!_ended && _heldBack.Add(backend))
                backend.HoldBack();
        }
    }
}
