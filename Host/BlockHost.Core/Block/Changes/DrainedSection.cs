// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Opening;

namespace BlockHost.Core.Block.Changes;

/// <summary>
/// A time in which nothing is in flight on a node. Users above it are held back, drivers above it stop their own work, and
/// then what is under way is waited for. A user that stops by itself is held back only when it has. Users that come
/// meanwhile are held back too.
/// </summary>
/// <param name="isBrief">Users that stop by themselves are held back like all others, and do not notice: jobs do not
/// pause.</param>
/// <param name="except">A user that is not held back: whose section it is.</param>
internal sealed class DrainedSection(BlockGraph graph, GraphNode? node, bool isBrief, Backend? except) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<Backend> _heldBack = [];
    private readonly HashSet<Backend> _stopping = [];
    private readonly HashSet<Backend> _stopped = [];
    private readonly List<GraphNode> _quiet = [];
    private readonly HashSet<OpeningGate> _gates = [];
    private bool _ended;

    /// <summary>Holds back what reaches the node now; waits until it is idle, and what is being closed above it is.</summary>
    public async ValueTask BeginAsync(CancellationToken cancellationToken)
    {
        await ExtendAsync(cancellationToken).ConfigureAwait(false);
        var closing = Nodes().Where(n => n.IsClosed).Select(n => n.WhenClosed);
        await Task.WhenAll(closing).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Holds back what has come to reach the node, and waits until that is idle.</summary>
    public async ValueTask ExtendAsync(CancellationToken cancellationToken)
    {
        // One after another, so that jobs pause in QEMU's order.
        while (StopNext() is { } next)
        {
            await next.DrainedUser!.WhenQuiet().WaitAsync(cancellationToken).ConfigureAwait(false);
            lock (_lock)
                _stopped.Add(next);
        }

        // A guest's write that is under way may write through a job, as to a mirror's target: jobs are held back last.
        var guests = HoldBack(static backend => backend.DrainedUser is null);
        var quiet = StopDrivers(cancellationToken);
        await WhenIdleAsync(guests, cancellationToken).ConfigureAwait(false);
        foreach (var gate in HoldBackOpenings())
            await gate.WhenIdle().WaitAsync(cancellationToken).ConfigureAwait(false);
        await WhenIdleAsync(HoldBack(backend => isBrief || _stopped.Contains(backend)), cancellationToken).ConfigureAwait(false);
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
        foreach (var gate in _gates)
            gate.Release();
        foreach (var backend in _heldBack)
            backend.Release();
        foreach (var backend in Users().Where(_stopping.Contains).Union(_stopping))
            backend.DrainedUser!.DrainEnd();
        return ValueTask.CompletedTask;
    }

    /// <summary>Tells the next user that stops by itself to do so.</summary>
    private Backend? StopNext()
    {
        lock (_lock)
        {
            if (_ended || isBrief
                || Users().FirstOrDefault(backend => backend.DrainedUser is not null && _stopping.Add(backend)) is not { } next)
                return null;
            next.DrainedUser!.DrainBegin();
            return next;
        }
    }

    private IReadOnlyList<Task> StopDrivers(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_ended)
                return [];
            var nodes = Nodes().Where(n => n.IsOpen && !n.IsClosed && !_quiet.Contains(n)).ToArray();
            _quiet.AddRange(nodes);
            return [.. nodes.Select(n => n.DrainBegin(cancellationToken))];
        }
    }

    /// <summary>Drivers that read their children while they open a node are held back like users.</summary>
    private IReadOnlyList<OpeningGate> HoldBackOpenings()
    {
        lock (_lock)
        {
            if (_ended)
                return [];
            var gates = graph.NodesBeingOpened(above: node).Select(n => n.Opening).OfType<OpeningGate>().Where(_gates.Add)
                .ToArray();
            foreach (var gate in gates)
                gate.HoldBack();
            return gates;
        }
    }

    private static async ValueTask WhenIdleAsync(IReadOnlyList<Backend> backends, CancellationToken cancellationToken)
    {
        foreach (var backend in backends)
            await backend.WhenIdle().WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Those users that are not held back yet.</summary>
    private IReadOnlyList<Backend> HoldBack(Func<Backend, bool> which)
    {
        lock (_lock)
        {
            if (_ended)
                return [];
            var backends = Users().Where(backend => which(backend) && _heldBack.Add(backend)).ToArray();
            foreach (var backend in backends)
                backend.HoldBack();
            return backends;
        }
    }

    /// <summary>
    /// Users from the node upwards, or all as they have come: so jobs are told to stop, and to go on, in QEMU's order.
    /// </summary>
    private IEnumerable<Backend> Users() => (node is null
        ? graph.Backends.Cast<Backend>()
        : GraphWalk.UpFrom(node).SelectMany(n => n.ParentEdges).OfType<RootLink>().Select(root => root.Backend)
            .Distinct()).Where(backend => backend != except);

    /// <summary>From the top down to the node, or all.</summary>
    private IReadOnlyList<GraphNode> Nodes() =>
        node is null ? graph.AllNodesTopDown() : [.. Enumerable.Reverse(GraphWalk.UpFrom(node))];
}
