// SPDX-License-Identifier: MIT
using BlockHost.Exports;

namespace BlockHost.Core.Exports;

/// <summary>Where the export manager finds export types; the plugin registry stands behind it.</summary>
public interface IExportTypeSource
{
    /// <summary>The type of that name, kept loaded until the lease is disposed; null where nobody provides it.</summary>
    ValueTask<ExportTypeLease?> AcquireTypeAsync(string type, string user, CancellationToken cancellationToken);
}

/// <summary>An export type in use; its plugin stays loaded until this is disposed.</summary>
public sealed class ExportTypeLease(ExportType type, IDisposable? use) : IDisposable
{
    public ExportType Type { get; } = type;

    /// <summary>The plugin that provides the type; null: it is not known.</summary>
    public string? PluginId { get; init; }

    public void Dispose() => use?.Dispose();
}
