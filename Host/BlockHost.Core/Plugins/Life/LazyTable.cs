// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>The loaded things of one kind, with the manifests behind them.</summary>
internal sealed class LazyTable<T>(PluginLifecycle plugins, ProvidedKind<T> kind, ProvidedSet loaded) : IProvidedTable<T>
    where T : class, IProvided
{
    public IReadOnlyList<Provided<T>> Loaded => [.. loaded.All.Select(box => new Provided<T>(box))];

    public IReadOnlyList<string> Names => plugins.Names(kind);

    public ValueTask<Provided<T>?> FindAsync(string name, CancellationToken cancellationToken) =>
        loaded.Find(name) is { Owner.IsClosed: false } found ? new(new Provided<T>(found)) : LoadAsync(name, cancellationToken);

    private async ValueTask<Provided<T>?> LoadAsync(string name, CancellationToken cancellationToken)
    {
        while (await plugins.LoadProviderAsync(new(kind, name), cancellationToken).ConfigureAwait(false))
        {
            if (loaded.Find(name) is { } found)
                return new Provided<T>(found);
        }

        return null;
    }
}
