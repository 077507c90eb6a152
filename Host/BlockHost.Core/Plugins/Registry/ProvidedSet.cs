// SPDX-License-Identifier: MIT
using System.Collections.Immutable;

namespace BlockHost.Core.Plugins;

/// <summary>The loaded things of one kind: one immutable map, replaced whole, so that readers take no lock.</summary>
internal sealed class ProvidedSet<T>
    where T : class
{
    private volatile ImmutableSortedDictionary<string, Provided<T>> _items =
        ImmutableSortedDictionary.Create<string, Provided<T>>(StringComparer.Ordinal);

    public IReadOnlyList<Provided<T>> All => [.. _items.Values];

    public IEnumerable<string> Names => _items.Keys;

    public Provided<T>? Find(string name) => _items.GetValueOrDefault(name);

    public void Add(Provided<T> item) => _items = _items.Add(item.Name, item);

    /// <summary>Takes away what <paramref name="owner"/> provides and empties its boxes.</summary>
    public void Remove(PluginOwner owner)
    {
        var gone = _items.Values.Where(item => item.Owner == owner).ToList();
        _items = _items.RemoveRange(gone.Select(item => item.Name));
        gone.ForEach(item => item.Empty());
    }
}
