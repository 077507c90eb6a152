// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block.Graph;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Exports;

/// <summary>A way to give a node to clients, such as "nbd" (a branch of BlockExportOptions).</summary>
public abstract class ExportType : IProvided
{
    ProvidedKind IProvided.Kind => ProvidedKind.Export;

    /// <summary>The value of the option "type".</summary>
    public abstract string Name { get; }

    /// <summary>The type's own options, without the common members.</summary>
    public abstract JsonTypeInfo OptionsType { get; }

    /// <summary>Starts the export: it serves until it is shut down.</summary>
    /// <param name="options">Validated against <see cref="OptionsType"/>.</param>
    public abstract ValueTask<BlockExport> CreateAsync(
        IExportContext context, JsonElement options, CancellationToken cancellationToken);
}

/// <summary>An export type with typed options.</summary>
public abstract class ExportType<TOptions> : ExportType
    where TOptions : class
{
    private JsonTypeInfo<TOptions>? _deep;

    public sealed override JsonTypeInfo OptionsType => TypedOptionsType;

    /// <summary>Source-generated metadata of <typeparamref name="TOptions"/>.</summary>
    protected abstract JsonTypeInfo<TOptions> TypedOptionsType { get; }

    public sealed override ValueTask<BlockExport> CreateAsync(
        IExportContext context, JsonElement options, CancellationToken cancellationToken) =>
        CreateAsync(context, options.Deserialize(_deep ??= TypedOptionsType.Deep())!, cancellationToken);

    /// <inheritdoc cref="ExportType.CreateAsync"/>
    protected abstract ValueTask<BlockExport> CreateAsync(
        IExportContext context, TOptions options, CancellationToken cancellationToken);
}

/// <summary>An export in being.</summary>
public abstract class BlockExport : IAsyncDisposable
{
    /// <summary>Clients are connected.</summary>
    public abstract bool HasClients { get; }

    /// <summary>
    /// Stops taking clients and ends the present ones; what is in flight completes first. Afterwards the export calls
    /// <see cref="IExportContext.Ended"/> once, which may be later than this returns.
    /// </summary>
    public abstract void RequestShutdown();

    public abstract ValueTask DisposeAsync();
}

/// <summary>The host's side of one export.</summary>
public interface IExportContext
{
    string Id { get; }

    /// <summary>The node's backend, with the permissions the common options imply; the host disposes it.</summary>
    IBlockBackend Backend { get; }

    bool Writable { get; }

    /// <summary>The thread that the user wants the export's work to be done on, or null: any.</summary>
    IIoThread? IoThread { get; }

    IPluginHost Host { get; }

    /// <summary>Clients have come or gone; <paramref name="connected"/> are there now.</summary>
    void ClientsChanged(int connected)
    {
    }

    /// <summary>
    /// The export has ended by itself or after a shutdown: the host disposes it and emits BLOCK_EXPORT_DELETED.
    /// </summary>
    void Ended();
}

/// <summary>The common options of block-export-add.</summary>
public sealed record ExportRequest
{
    public required string Type { get; init; }

    public required string Id { get; init; }

    public required string NodeName { get; init; }

    public bool Writable { get; init; }

    public bool WriteThrough { get; init; }

    public string? IoThread { get; init; }

    public bool FixedIoThread { get; init; }

    /// <summary>The node may be inactive; otherwise the export makes it active, and keeps it so where it is writable.</summary>
    public bool AllowInactive { get; init; }

    /// <summary>The branch of the type: an object, validated by the host.</summary>
    public required JsonElement Options { get; init; }
}

/// <summary>How block-export-del treats connected clients.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ExportRemoveMode>))]
public enum ExportRemoveMode
{
    /// <summary>Refuse while clients are connected.</summary>
    [JsonStringEnumMemberName("safe")]
    Safe = 0,

    /// <summary>Disconnect them.</summary>
    [JsonStringEnumMemberName("hard")]
    Hard = 1,
}

public sealed record ExportInfo(string Id, string Type, string NodeName, bool ShuttingDown);

/// <summary>The exports that exist.</summary>
public interface IBlockExports
{
    IReadOnlyList<ExportInfo> List();

    /// <exception cref="Qmp.QmpException">With QEMU's text, such as a duplicate id.</exception>
    ValueTask AddAsync(ExportRequest request, CancellationToken cancellationToken);

    /// <summary>Begins the removal; BLOCK_EXPORT_DELETED tells its end.</summary>
    void Remove(string id, ExportRemoveMode mode);

    /// <summary>Clients of the export of that id have come or gone; the number is of those there now.</summary>
    event Action<string, int>? ClientsChanged
    {
        add { }
        remove { }
    }

    /// <summary>Removes all exports of a type and waits for their end.</summary>
    ValueTask RemoveAllAsync(string? type, CancellationToken cancellationToken);
}
