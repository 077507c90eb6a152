// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Core.Block;
using BlockHost.Core.Exports;
using BlockHost.Core.Jobs;
using BlockHost.Core.Plugins;
using BlockHost.Jobs;

namespace BlockHost.Core.Composition;

/// <summary>Drivers and export types out of the plugins.</summary>
internal sealed class CatalogSource(PluginManager plugins) : IDriverSource, IExportTypeSource, IJobTypeSource
{
    public async ValueTask<DriverLease?> AcquireAsync(string formatName, string user, CancellationToken cancellationToken)
    {
        var found = await plugins.Drivers.FindAsync(formatName, cancellationToken).ConfigureAwait(false);
        return found is null ? null : new DriverLease(found.Value, found.Use(user));
    }

    public async ValueTask<ExportTypeLease?> AcquireTypeAsync(string type, string user, CancellationToken cancellationToken)
    {
        var found = await plugins.Exports.FindAsync(type, cancellationToken).ConfigureAwait(false);
        return found is null ? null : new ExportTypeLease(found.Value, found.Use(user));
    }

    public async ValueTask<IDisposable?> UseJobTypeAsync(JobType type, string user, CancellationToken cancellationToken) =>
        (await plugins.Jobs.FindAsync(type.Name, cancellationToken).ConfigureAwait(false))?.Use(user);

    public async ValueTask<TransactionActionLease?> AcquireActionAsync(string type, CancellationToken cancellationToken)
    {
        var found = await plugins.Actions.FindAsync(type, cancellationToken).ConfigureAwait(false);
        return found is null ? null : new TransactionActionLease(found.Value, found.Use($"transaction action '{type}'"));
    }

    public IReadOnlyList<string> Probe(ReadOnlySpan<byte> head) =>
        [.. plugins.DriversByMagic(head).Concat(plugins.Drivers.Loaded.Where(driver => driver.Value.Kind == BlockDriverKind.Format).Select(driver => driver.Name)).Distinct()];

    public string? FindByPrefix(string prefix) => plugins.DriverByPrefix(prefix);
}
