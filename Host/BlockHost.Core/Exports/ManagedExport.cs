// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Exports;
using BlockHost.Objects;
using BlockHost.Plugins;

namespace BlockHost.Core.Exports;

/// <summary>The host's side of one export, from its creation until its end has been told.</summary>
internal sealed class ManagedExport(
    ExportManager manager,
    ExportRequest request,
    ExportTypeLease lease,
    IBlockBackend backend,
    IIoThread? thread) : IExportContext
{
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private BlockExport? _export;
    private int _shutdownRequested;
    private int _ended;
    private int _clients;

    public string Id => request.Id;

    public string Type => request.Type;

    public IBlockBackend Backend => backend;

    public bool Writable => request.Writable;

    public IIoThread? IoThread => thread;

    public IPluginHost Host => manager.Host;

    public bool HasClients => Volatile.Read(ref _export)?.HasClients ?? false;

    /// <summary>Completes when nothing is left of the export.</summary>
    public Task Gone => _gone.Task;

    public ExportInfo Info => new(Id, Type, backend.Node.Name, Volatile.Read(ref _shutdownRequested) != 0);

    /// <exception cref="Qmp.QmpException">The type refused.</exception>
    public async ValueTask CreateAsync(CancellationToken cancellationToken)
    {
        var export = await lease.Type.CreateAsync(this, request.Options, cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _export, export);
        // It may have ended before its creator returned.
        if (Volatile.Read(ref _ended) != 0)
            TearDown(export);
        else if (Volatile.Read(ref _shutdownRequested) != 0)
            export.RequestShutdown();
    }

    public void RequestShutdown()
    {
        if (Interlocked.Exchange(ref _shutdownRequested, 1) == 0)
            Volatile.Read(ref _export)?.RequestShutdown();
    }

    /// <summary>Clients connected now.</summary>
    public int Clients => Volatile.Read(ref _clients);

    public void ClientsChanged(int connected)
    {
        Volatile.Write(ref _clients, connected);
        manager.OnClientsChanged(this, connected);
    }

    public void Ended()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0 && Volatile.Read(ref _export) is { } export)
            TearDown(export);
    }

    /// <summary>After a failed creation: gives back what was taken for it.</summary>
    public async ValueTask ReleaseAsync()
    {
        await backend.DisposeAsync().ConfigureAwait(false);
        lease.Dispose();
    }

    // Not on the caller's stack: it may be one of the export's own workers, which the disposal waits for.
    private void TearDown(BlockExport export) => _ = Task.Run(async () =>
    {
        try
        {
            await export.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            await ReleaseAsync().ConfigureAwait(false);
            manager.Removed(this);
            _gone.TrySetResult();
        }
    });
}
