// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Io;
using BlockHost.Core.Logging;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Core.Block;

/// <summary>
/// The graph of open nodes. Changes take one lock; each part of this class holds one kind of them. Requests take none:
/// where a change moves an edge that requests use, it does so inside a drained section.
/// </summary>
public sealed partial class BlockGraph : IBlockGraph, IAsyncDisposable
{
    private readonly IDriverSource _drivers;
    private readonly Func<IPluginHost> _host;
    private readonly IQmpEvents _events;
    private readonly SemaphoreSlim _changes = new(1);
    private readonly CancellationTokenSource _ending = new();
    private readonly ConcurrentDictionary<string, GraphNode> _names = new(StringComparer.Ordinal);
    private ImmutableArray<GraphNode> _listed = [];
    private ImmutableHashSet<GraphNode> _opening = [];
    private ImmutableArray<Backend> _backends = [];
    private long _created;

    /// <param name="host">The services given to drivers; asked for when a node is opened, as the graph is one of them.</param>
    public BlockGraph(IDriverSource drivers, IIoBufferPool buffers, IQmpEvents events, TimeProvider clock, Func<IPluginHost> host)
    {
        _drivers = drivers;
        _host = host;
        _events = events;
        Buffers = buffers;
        Clock = clock;
    }

    public IReadOnlyList<IGraphNode> Nodes => [.. _listed.Reverse().Where(node => node.IsReady)];

    public IReadOnlyList<IBlockBackend> Backends => _backends;

    internal IEnumerable<GraphNode> ReadyNodes => _listed.Where(node => node.IsReady);

    internal IDriverSource Drivers => _drivers;

    public HostWarnings Warnings { get; init; } = new();

    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;

    public PluginFaults Faults { get; init; } = new(() => [], NullLoggerFactory.Instance);

    internal ILogger Log => field ??= Loggers.CreateLogger(LogCategories.Block);

    internal IIoBufferPool Buffers { get; }

    internal DriverGates Gates { get; } = new();

    internal TimeProvider Clock { get; }

    /// <summary>
    /// Taken while a node takes over its driver's profile, which can be in several changes at once: resizes do not hold the
    /// graph's lock.
    /// </summary>
    internal Lock Profiles { get; } = new();

    internal IPluginHost Host => _host();

    public bool TryGetNode(string nodeName, [NotNullWhen(true)] out IGraphNode? node)
    {
        node = FindNode(nodeName);
        return node is not null;
    }

    public IGraphNode Lookup(string? device, string? nodeName) => LookupNode(device, nodeName);

    public async ValueTask<BlockDriver?> FindDriverAsync(string formatName, CancellationToken cancellationToken)
    {
        using var lease = await _drivers.AcquireAsync(formatName, "a query", cancellationToken).ConfigureAwait(false);
        return lease?.Driver;
    }

    /// <summary>The host is about to end: what waits to be opened is given up, and nothing more is opened.</summary>
    public void StopOpening() => _ending.Cancel();

    /// <summary>Ends everything: users are cut off, then nodes close from the top down.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        foreach (var backend in _backends)
            await backend.DisposeAsync().ConfigureAwait(false);
        try
        {
            await using var change = (await BeginChangeAsync(CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
            foreach (var node in _listed)
            {
                node.MonitorOwned = false;
                CloseIfUnused(node);
            }
        }
        finally
        {
            await OthersHaveClosedAsync().ConfigureAwait(false);
        }
    }

    private GraphNode? FindNode(string name) => _names.TryGetValue(name, out var node) && node.IsReady ? node : null;

    private GraphNode LookupNode(string? device, string? nodeName)
    {
        if (device is not null && _backends.FirstOrDefault(backend => backend.Name == device) is { } backend)
            return backend.Link.Child;
        return (nodeName is null ? null : FindNode(nodeName))
            ?? throw new BlockException(BlockErrorKind.NotFound, $"Cannot find device='{device}' nor node-name='{nodeName}'");
    }

    private static GraphNode Own(IGraphNode node) =>
        node as GraphNode ?? throw new ArgumentException($"Node '{node.Name}' is not of this graph", nameof(node));

    /// <summary>Under the lock: gives the node its place in the order of creation, once.</summary>
    internal void List(GraphNode node)
    {
        if (node.Order != 0)
            return;
        node.Order = ++_created;
        _listed = _listed.Add(node);
    }

    internal async ValueTask ListAsync(GraphNode node, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        List(node);
    }

    private void Unlist(GraphNode node)
    {
        _listed = _listed.Remove(node);
        _names.TryRemove(KeyValuePair.Create(node.Name, node));
    }

    /// <summary>Bitmaps come and go, and images take them, while the graph does not change.</summary>
    internal async ValueTask<IAsyncDisposable> BeginBitmapChangeAsync(CancellationToken cancellationToken) =>
        await BeginChangeAsync(cancellationToken).ConfigureAwait(false);

    private async ValueTask<ChangeLock> BeginChangeAsync(CancellationToken cancellationToken)
    {
        await _changes.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new ChangeLock(this);
    }
}
