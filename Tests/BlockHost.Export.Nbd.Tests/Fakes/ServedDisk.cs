// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;
using BlockHost.Exports;
using BlockHost.Net;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Plugins.Export.Nbd;
using BlockHost.Plugins.Export.Nbd.Server;
using Moq;

namespace BlockHost.Export.Nbd.Tests.Fakes;

/// <summary>A server on a Unix socket of its own with one export.</summary>
internal sealed class ServedDisk : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("nbd").FullName;

    private ServedDisk(MemoryBackend backend, long memory) => (Backend, Memory) = (backend, new MemoryBudget(memory));

    public MemoryBackend Backend { get; }

    public string Socket => Path.Combine(_folder, "nbd.sock");

    public MemoryBudget Memory { get; }

    public NbdServer Server { get; private set; } = null!;

    public NbdExport Export { get; private set; } = null!;

    /// <summary>Completes when the export says that it has ended.</summary>
    public TaskCompletionSource Ended { get; } = new();

    public string Uri => $"nbd+unix:///disk?socket={Socket}";

    public static async Task<ServedDisk> StartAsync(
        MemoryBackend? backend = null,
        bool writable = true,
        NbdExportOptions? options = null,
        int maxConnections = 100,
        TlsUpgrade? tls = null,
        TimeProvider? clock = null,
        bool withExport = true,
        long memory = MemoryBudget.DefaultLimit)
    {
        var disk = new ServedDisk(backend ?? new MemoryBackend(1 << 20), memory);
        var listeners = ListenerFactory.Open([new UnixSocketAddress { Path = disk.Socket }]);
        disk.Server = new NbdServer(listeners, maxConnections, tls, clock ?? TimeProvider.System, disk.Memory);
        if (withExport)
            disk.Export = disk.Add("disk", disk.Backend, writable, options);
        return disk;
    }

    public NbdExport Add(
        string name, MemoryBackend backend, bool writable = true, NbdExportOptions? options = null, IIoThread? thread = null)
    {
        var context = new Context(backend, writable, Ended) { IoThread = thread };
        var export = new NbdExport(Server, context, name, options ?? new NbdExportOptions(), []);
        Assert.True(Server.TryAdd(export));
        return export;
    }

    public RawClient Connect() => new(Socket);

    public async ValueTask DisposeAsync()
    {
        Backend.Hold = false;
        Backend.Release();
        await Server.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        Directory.Delete(_folder, recursive: true);
    }

    private sealed class Context(MemoryBackend backend, bool writable, TaskCompletionSource ended) : IExportContext
    {
        public string Id => "export0";

        public BlockHost.Block.Graph.IBlockBackend Backend => backend;

        public bool Writable => writable;

        public IIoThread? IoThread { get; init; }

        public IPluginHost Host { get; } = Mock.Of<IPluginHost>(host => host.Buffers == new TrackingBufferPool());

        public void Ended() => ended.SetResult();
    }
}
