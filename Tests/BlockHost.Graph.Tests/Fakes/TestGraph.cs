// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block;
using BlockHost.Core.Yank;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace BlockHost.Graph.Tests.Fakes;

/// <summary>A graph over fake drivers.</summary>
internal sealed class TestGraph : IDriverSource, IQmpEvents, IAsyncDisposable
{
    private readonly Dictionary<string, BlockDriver> _drivers;

    public TestGraph(params BlockDriver[] more)
        : this(TimeProvider.System, NullLoggerFactory.Instance, more)
    {
    }

    public TestGraph(TimeProvider clock, ILoggerFactory loggers, params BlockDriver[] more)
    {
        _drivers = more.Append(Memory).Append(Layer).ToDictionary(driver => driver.FormatName);
        Graph = new BlockGraph(this, Buffers, this, clock, () => Mock.Of<IPluginHost>(host => host.Yank == Yank))
        { Loggers = loggers };
    }

    public MemoryDriver Memory { get; init; } = new();

    public LayerDriver Layer { get; init; } = new();

    public IoBufferPool Buffers { get; } = new(TimeProvider.System, new MemoryBudget());

    public BlockGraph Graph { get; }

    public YankRegistry Yank { get; } = new();

    public List<(string Name, JsonElement Data)> Events { get; } = [];

    public int Leases { get; private set; }

    public static JsonElement Json(string json) => JsonDocument.Parse(json.Replace('\'', '"')).RootElement;

    public static BackendOptions Reader { get; } = new()
    { Permissions = new(BlockPermissions.ConsistentRead, BlockPermissions.All) };

    public static BackendOptions Writer { get; } = new()
    {
        Permissions = new(
            BlockPermissions.ConsistentRead | BlockPermissions.Write, BlockPermissions.All & ~BlockPermissions.Resize),
    };

    public async Task<IGraphNode> AddAsync(string json) => await Graph.AddAsync(Json(json), CancellationToken.None);

    public async Task<IBlockBackend> BackendAsync(string node, BackendOptions options)
    {
        Assert.True(Graph.TryGetNode(node, out var found));
        return await Graph.CreateBackendAsync(found, options, CancellationToken.None);
    }

    public ValueTask<DriverLease?> AcquireAsync(string formatName, string user, CancellationToken cancellationToken)
    {
        if (!_drivers.TryGetValue(formatName, out var driver))
            return new((DriverLease?)null);
        Leases++;
        return new(new DriverLease(driver, new Use(this)));
    }

    /// <summary>The drivers that an image's first bytes point to, by that byte.</summary>
    public Dictionary<byte, string> Magic { get; } = [];

    public IReadOnlyList<FormatCandidate> Probe(ReadOnlySpan<byte> head, string? fileName)
    {
        var byMagic = head.Length > 0 && Magic.TryGetValue(head[0], out var named) ? named : null;
        return [.. _drivers.Keys.Append(byMagic).OfType<string>().Distinct().Select(
            name => new FormatCandidate(name, name == byMagic))];
    }

    public string? FormatOfAnything { get; init; } = "raw";

    public string? FindByPrefix(string prefix) =>
        _drivers.Values.FirstOrDefault(driver => driver.FileNamePrefixes.Contains(prefix))?.FormatName;

    public void Emit<T>(QmpEvent<T> qmpEvent, T data)
    {
        lock (Events)
            Events.Add((qmpEvent.Name, qmpEvent.Serialize(data)));
    }

    public void Emit(QmpSignal signal)
    {
        lock (Events)
            Events.Add((signal.Name, default));
    }

    public ValueTask DisposeAsync() => Graph.DisposeAsync();

    private sealed class Use(TestGraph graph) : IDisposable
    {
        public void Dispose() => graph.Leases--;
    }
}
