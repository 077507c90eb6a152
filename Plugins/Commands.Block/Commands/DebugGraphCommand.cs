// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>x-debug-query-block-graph: nodes, jobs and backends, and the permissions on every link.</summary>
internal static class DebugGraphCommand
{
    public static QmpCommand Create() => QmpCommand.CreateQuery(
        "x-debug-query-block-graph",
        () => CommandsJson.Default.DebugGraph,
        (call, _) => new ValueTask<DebugGraph>(Draw(call.Host.Graph, call.Host.Jobs.List())),
        features: ["unstable"]);

    private static DebugGraph Draw(IBlockGraph graph, IReadOnlyList<IJob> jobs)
    {
        var nodes = new List<DebugGraphNode>();
        var edges = new List<DebugGraphEdge>();
        var ids = new Dictionary<IGraphNode, ulong>();
        foreach (var node in graph.Nodes)
            nodes.Add(new() { Id = ids[node] = (ulong)ids.Count + 1, Type = DebugNodeType.Driver, Name = node.Name });
        foreach (var edge in graph.Nodes.SelectMany(node => node.Children))
            edges.Add(Link(ids[edge.Parent!], ids[edge.Child], edge));
        foreach (var job in jobs.Where(job => job.Type.IsBlockJob))
        {
            var id = (ulong)nodes.Count + 1;
            nodes.Add(new() { Id = id, Type = DebugNodeType.Job, Name = job.Id! });
            edges.AddRange(job.Nodes.Select(held => Link(id, ids[held.Node], held.Edge)));
        }

        var heldByJobs = jobs.SelectMany(job => job.Nodes).ToHashSet();
        foreach (var backend in graph.Backends.Where(backend => !heldByJobs.Contains(backend)))
        {
            var id = (ulong)nodes.Count + 1;
            nodes.Add(new() { Id = id, Type = DebugNodeType.Backend, Name = backend.Name ?? "" });
            edges.Add(Link(id, ids[backend.Node], backend.Edge));
        }

        return new() { Nodes = nodes, Edges = edges };
    }

    private static DebugGraphEdge Link(ulong parent, ulong child, IGraphEdge edge) => new()
    {
        Parent = parent,
        Child = child,
        Name = edge.Name,
        Perm = DebugGraphEdge.List(edge.Permissions.Needed),
        SharedPerm = DebugGraphEdge.List(edge.Permissions.Shared),
    };
}
