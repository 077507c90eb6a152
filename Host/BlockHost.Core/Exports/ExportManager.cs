// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Logging;
using BlockHost.Exports;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Core.Exports;

/// <summary>The exports that exist, and their common part: ids, nodes, permissions, the end.</summary>
public sealed class ExportManager(
    IExportTypeSource types,
    IBlockGraph graph,
    IUserObjects objects,
    IQmpEvents events,
    Func<IPluginHost> host) : IBlockExports, IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
    private ImmutableArray<ManagedExport> _exports = [];

    public PluginFaults Faults { get; init; } = new(() => [], NullLoggerFactory.Instance);

    internal IPluginHost Host => host();

    internal IReadOnlyList<ManagedExport> All => _exports;

    public IReadOnlyList<ExportInfo> List() => [.. _exports.Reverse().Select(export => export.Info)];

    public async ValueTask AddAsync(ExportRequest request, CancellationToken cancellationToken)
    {
        TakeId(request.Id);
        try
        {
            await CreateAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            lock (_lock)
                _ids.Remove(request.Id);
            throw;
        }
    }

    public void Remove(string id, ExportRemoveMode mode)
    {
        var export = _exports.FirstOrDefault(export => export.Id == id) ?? throw new QmpException($"Export '{id}' is not found");
        if (mode == ExportRemoveMode.Safe && export.HasClients)
            throw new QmpException($"export '{id}' still in use");
        export.RequestShutdown();
    }

    public async ValueTask RemoveAllAsync(string? type, CancellationToken cancellationToken)
    {
        var exports = _exports.Where(export => type is null || export.Type == type).ToArray();
        foreach (var export in exports)
            export.RequestShutdown();
        await Task.WhenAll(exports.Select(export => export.Gone)).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync() => RemoveAllAsync(type: null, CancellationToken.None);

    public event Action<string, int>? ClientsChanged;

    internal void OnClientsChanged(ManagedExport export, int connected) => ClientsChanged?.Invoke(export.Id, connected);

    internal void Removed(ManagedExport export)
    {
        lock (_lock)
        {
            _exports = _exports.Remove(export);
            _ids.Remove(export.Id);
        }

        events.Emit(ExportCommands.Deleted, new ExportDeletedEvent { Id = export.Id });
    }

    private void TakeId(string id)
    {
        if (!NodeNames.IsWellFormed(id))
            throw new QmpException("Invalid block export id");
        lock (_lock)
        {
            if (!_ids.Add(id))
                throw new QmpException($"Block export id '{id}' is already in use");
        }
    }

    private async ValueTask CreateAsync(ExportRequest request, CancellationToken cancellationToken)
    {
        var lease = await types.AcquireTypeAsync(request.Type, $"export '{request.Id}'", cancellationToken).ConfigureAwait(false)
            ?? throw new QmpException(ParameterFault.NotAccepted("type", request.Type));
        ManagedExport? export = null;
        try
        {
            OptionsCheck.Validate(lease.Type.OptionsType, request.Options);
            var node = graph.Lookup(device: null, request.NodeName);
            var thread = FindThread(request.IoThread ?? node.IoThread);
            var backend = await OpenBackendAsync(node, request, cancellationToken).ConfigureAwait(false);
            export = new ManagedExport(this, request, lease, backend, thread);
            // Listed before it begins: it may end at once.
            lock (_lock)
                _exports = _exports.Add(export);
            await export.CreateAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            lock (_lock)
                _exports = export is null ? _exports : _exports.Remove(export);
            if (export is null)
                lease.Dispose();
            else
                await export.ReleaseAsync().ConfigureAwait(false);
            if (PluginFaults.IsExpected(e))
                throw;
            throw new QmpException(Faults.Report(e, lease.PluginId, $"while it made export '{request.Id}'"));
        }
    }

    private IIoThread? FindThread(string? id)
    {
        if (id is null)
            return null;
        return objects.TryGet<IIoThread>(id, out var thread) ? thread : throw new QmpException($"iothread \"{id}\" not found");
    }

    private async ValueTask<IBlockBackend> OpenBackendAsync(
        IGraphNode node, ExportRequest request, CancellationToken cancellationToken)
    {
        if (request.Writable && node.ReadOnly)
            throw new QmpException("Cannot export read-only node as writable");
        if (!request.AllowInactive && !node.IsActive)
            await graph.SetActiveAsync(node, active: true, cancellationToken).ConfigureAwait(false);
        var needed = BlockPermissions.ConsistentRead | (request.Writable ? BlockPermissions.Write : BlockPermissions.None);
        var options = new BackendOptions
        {
            Permissions = new(needed, BlockPermissions.All & ~BlockPermissions.Resize),
            WriteThrough = request.WriteThrough,
            ReportErrors = true,
            AllowInactive = request.AllowInactive,
        };
        return await graph.CreateBackendAsync(node, options, cancellationToken).ConfigureAwait(false);
    }
}
