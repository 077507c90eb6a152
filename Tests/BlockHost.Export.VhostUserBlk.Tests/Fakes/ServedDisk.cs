// SPDX-License-Identifier: MIT
using BlockHost.Exports;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Plugins.Export.VhostUserBlk;
using BlockHost.Plugins.Export.VhostUserBlk.Device;
using BlockHost.Net;
using Moq;

namespace BlockHost.Export.VhostUserBlk.Tests.Fakes;

/// <summary>An export of a node in memory, with a socket of its own.</summary>
internal sealed class ServedDisk : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vu").FullName;
    private readonly RingLoops _loops = new();
    private readonly Context _context;

    public ServedDisk(
        MemoryBackend? backend = null,
        bool writable = true,
        int blockSize = 512,
        ushort queues = 1,
        IIoThread? thread = null)
    {
        Backend = backend ?? new MemoryBackend(1 << 20);
        _context = new Context(Backend, writable) { IoThread = thread };
        Device = new BlkDevice(Backend, writable, blockSize, queues);
        Export = new VhostUserBlkExport(
            _context, Device, SocketFactory.Listen(new UnixSocketAddress { Path = Socket }), Socket, _loops);
    }

    public string Socket => Path.Combine(_folder, "s");

    public MemoryBackend Backend { get; }

    public BlkDevice Device { get; }

    public VhostUserBlkExport Export { get; }

    public Task Ended => _context.HasEnded.Task;

    public BlkClient Connect(BlkClientOptions? options = null) => new(Socket, options);

    public async ValueTask DisposeAsync()
    {
        Backend.Hold = false;
        Backend.Release();
        await Export.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        await _loops.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private sealed class Context(MemoryBackend backend, bool writable) : IExportContext
    {
        public TaskCompletionSource HasEnded { get; } = new();

        public string Id => "export0";

        public BlockHost.Block.Graph.IBlockBackend Backend => backend;

        public bool Writable => writable;

        public IIoThread? IoThread { get; init; }

        public IPluginHost Host { get; } =
            Mock.Of<IPluginHost>(host => host.Clock == TimeProvider.System && host.Started == Task.CompletedTask);

        public void Ended() => HasEnded.TrySetResult();
    }
}
