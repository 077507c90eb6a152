// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Graph;
using BlockHost.Core.Block;
using BlockHost.Plugins;
using BlockHost.Plugins.Block.File;
using BlockHost.Plugins.Block.Raw;
using BlockHost.Qmp;
using Moq;

namespace BlockHost.Block.File.Tests;

/// <summary>The host's real graph over the drivers file, host_device and raw.</summary>
internal sealed class FileGraph : IDriverSource, IAsyncDisposable
{
    private readonly Dictionary<string, BlockDriver> _drivers = [];
    private readonly FilePlugin _plugin = new();

    public FileGraph()
    {
        var registry = new Mock<IPluginRegistry>();
        registry.Setup(r => r.Add(It.IsAny<BlockDriver>())).Callback((IProvided d) => _drivers.Add(d.Name, (BlockDriver)d));
        _plugin.Register(registry.Object);
        new RawPlugin().Register(registry.Object);

        // A test machine may be slow at any moment; what the driver makes of that has tests of its own.
        var host = Mock.Of<IPluginHost>(h => h.Clock == new FakeClock());
        Graph = new BlockGraph(
            this,
            new IoBufferPool(TimeProvider.System, new MemoryBudget()),
            Mock.Of<IQmpEvents>(),
            TimeProvider.System,
            () => host);
    }

    public BlockGraph Graph { get; }

    /// <summary>Options with ' for ".</summary>
    public async Task<IGraphNode> AddAsync(string json) =>
        await Graph.AddAsync(JsonDocument.Parse(json.Replace('\'', '"')).RootElement, default);

    public async Task<IBlockBackend> WriterAsync(
        IGraphNode node, BlockPermissions shared = BlockPermissions.All, bool resize = false)
    {
        var needed = BlockPermissions.ConsistentRead | BlockPermissions.Write
            | (resize ? BlockPermissions.Resize : BlockPermissions.None);
        return await Graph.CreateBackendAsync(
            node, new BackendOptions { Permissions = new(needed, shared), AllowGrow = resize }, default);
    }

    public ValueTask<DriverLease?> AcquireAsync(string formatName, string user, CancellationToken cancellationToken) =>
        new(_drivers.TryGetValue(formatName, out var driver) ? new DriverLease(driver, use: null) : null);

    public IReadOnlyList<FormatCandidate> Probe(ReadOnlySpan<byte> head, string? fileName) => [new("raw", false)];

    public string? FormatOfAnything => null;

    public string? FindByPrefix(string prefix) => prefix is "" or "file" ? "file" : null;

    public async ValueTask DisposeAsync()
    {
        await Graph.DisposeAsync();
        await _plugin.StopAsync(default);
    }
}
