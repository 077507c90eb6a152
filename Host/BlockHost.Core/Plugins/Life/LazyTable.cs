// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>The loaded things of one kind, with the manifests behind them.</summary>
internal sealed class LazyTable<T>(PluginLifecycle plugins, ProvidedKind kind, ProvidedSet<T> loaded) : IProvidedTable<T>
    where T : class
{
    public IReadOnlyList<Provided<T>> Loaded => loaded.All;

    public IReadOnlyList<string> Names => [.. plugins.AvailableNames(kind).Union(loaded.Names).Order(StringComparer.Ordinal)];

    public ValueTask<Provided<T>?> FindAsync(string name, CancellationToken cancellationToken) =>
        loaded.Find(name) is { Owner.IsClosed: false } found ? new(found) : LoadAsync(name, cancellationToken);

    private async ValueTask<Provided<T>?> LoadAsync(string name, CancellationToken cancellationToken)
    {
        while (await plugins.LoadProviderAsync(new(kind, name), cancellationToken).ConfigureAwait(false))
        {
            if (loaded.Find(name) is { } found)
                return found;
        }

        return null;
    }
}
