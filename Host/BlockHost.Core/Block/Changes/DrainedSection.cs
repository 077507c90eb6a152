// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Block.Changes;

/// <summary>
/// A time in which nothing is in flight on a node. Users above it are held back, drivers above it stop their own work, and
/// then what is under way is waited for. Users that come meanwhile are held back too.
/// </summary>
internal sealed class DrainedSection(BlockGraph graph, GraphNode? node) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<Backend> _heldBack = [];
    private readonly List<GraphNode> _quiet = [];
    private bool _ended;

    /// <summary>Holds back what reaches the node now, and waits until it is idle.</summary>
    public async ValueTask BeginAsync(CancellationToken cancellationToken)
    {
        var (backends, quiet) = HoldBack(cancellationToken);
        foreach (var backend in backends)
            await backend.WhenIdle().WaitAsync(cancellationToken).ConfigureAwait(false);
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
        return ValueTask.CompletedTask;
    }

    private (IReadOnlyList<Backend> Backends, IReadOnlyList<Task> Quiet) HoldBack(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_ended)
                return ([], []);
            var above = node is null ? graph.AllNodesTopDown() : [.. Enumerable.Reverse(GraphWalk.UpFrom(node))];
            var backends = above.SelectMany(n => n.ParentEdges).OfType<RootLink>().Select(root => root.Backend).Where(_heldBack.Add).ToArray();
            foreach (var backend in backends)
                backend.HoldBack();
            var nodes = above.Where(n => n.IsOpen && !n.IsClosed && !_quiet.Contains(n)).ToArray();
            _quiet.AddRange(nodes);
            return (backends, [.. nodes.Select(n => n.DrainBegin(cancellationToken))]);
        }
    }
}
