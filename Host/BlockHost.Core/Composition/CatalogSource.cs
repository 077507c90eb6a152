// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Core.Block;
using BlockHost.Core.Exports;
using BlockHost.Core.Jobs;
using BlockHost.Core.Plugins;
using BlockHost.Jobs;
using BlockHost.Plugins;

namespace BlockHost.Core.Composition;

/// <summary>Drivers and export types out of the plugins.</summary>
internal sealed class CatalogSource(PluginManager plugins) : IDriverSource, IExportTypeSource, IJobTypeSource
{
    public async ValueTask<DriverLease?> AcquireAsync(string formatName, string user, CancellationToken cancellationToken) =>
        await plugins.Of(ProvidedKind.Driver).LeaseAsync(
            formatName, user, brief: false, cancellationToken).ConfigureAwait(false) is var (driver, use)
            ? new DriverLease(driver, use) { PluginId = use.PluginId }
            : null;

    public async ValueTask<ExportTypeLease?> AcquireTypeAsync(string type, string user, CancellationToken cancellationToken) =>
        await plugins.Of(ProvidedKind.Export).LeaseAsync(
            type, user, brief: false, cancellationToken).ConfigureAwait(false) is var (export, use)
            ? new ExportTypeLease(export, use) { PluginId = use.PluginId }
            : null;

    public async ValueTask<IDisposable?> UseJobTypeAsync(JobType type, string user, CancellationToken cancellationToken) =>
        (await plugins.Of(ProvidedKind.Job)
            .LeaseAsync(type.Name, user, brief: false, cancellationToken).ConfigureAwait(false))?.Use;

    public async ValueTask<TransactionActionLease?> AcquireActionAsync(string type, CancellationToken cancellationToken) =>
        await plugins.Of(ProvidedKind.Action).LeaseAsync(
            type, $"transaction action '{type}'", brief: true, cancellationToken).ConfigureAwait(false) is var (action, use)
            ? new TransactionActionLease(action, use)
            : null;

    public IReadOnlyList<FormatCandidate> Probe(ReadOnlySpan<byte> head, string? fileName)
    {
        var byMagic = plugins.DriversByMagic(head);
        var loaded = plugins.Of(
            ProvidedKind.Driver).Loaded.Where(driver =>
                driver.ValueOrNull?.Kind == BlockDriverKind.Format)
            .Select(driver => driver.Name).Union(plugins.DriversByName(fileName));
        return [.. byMagic.Select(name => new FormatCandidate(name, true)), .. loaded.Except(byMagic)
            .Select(name => new FormatCandidate(name, false))];
    }

    public string? FormatOfAnything => plugins.DriverOfAnything();

    public string? FindByPrefix(string prefix) => plugins.DriverByPrefix(prefix);
}
