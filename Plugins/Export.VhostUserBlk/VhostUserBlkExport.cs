// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Exports;
using BlockHost.Plugins.Export.VhostUserBlk.Device;
using BlockHost.Posix.Loops;
using BlockHost.Virtio.VhostUser;

namespace BlockHost.Plugins.Export.VhostUserBlk;

/// <summary>A node as the disk of one guest at a time.</summary>
internal sealed class VhostUserBlkExport : BlockExport
{
    private readonly IExportContext _context;
    private readonly BlkDevice _device;
    private readonly Socket _listener;
    private readonly string? _path;
    private readonly RingLoops _loops;
    private readonly EventLoop? _home;
    private readonly VhostUserServer _server;
    private readonly CancellationTokenSource _end = new();
    private readonly Task _serving;

    /// <param name="path">The socket's file, which goes with the export; null: there is none of ours.</param>
    public VhostUserBlkExport(IExportContext context, BlkDevice device, Socket listener, string? path, RingLoops loops)
    {
        (_context, _device, _listener, _path, _loops) = (context, device, listener, path, loops);
        _home = context.IoThread is { } thread ? loops.Enter(thread) : null;
        _server = new VhostUserServer(listener, device, _ => _home ?? loops.LeastLoaded(), context.Host.Clock, loops.Log)
        { ConnectedChanged = context.ClientsChanged };
        _serving = ServeAsync();
    }

    public override bool HasClients => _server.HasFrontEnd;

    public override void RequestShutdown() => _end.Cancel();

    public override async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await _serving.ConfigureAwait(false);
        _end.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            await _context.Host.Started.WaitAsync(_end.Token).ConfigureAwait(false);
            await _server.RunAsync(_end.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Before the host was ready.
        }

        _listener.Dispose();
        if (_path is not null)
            File.Delete(_path);
        await _device.DisposeAsync().ConfigureAwait(false);
        if (_home is not null)
            _loops.Leave(_context.IoThread!);
        _context.Ended();
    }
}
