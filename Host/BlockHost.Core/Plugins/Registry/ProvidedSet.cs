// SPDX-License-Identifier: MIT
using System.Collections.Immutable;

namespace BlockHost.Core.Plugins;

/// <summary>The loaded things of one kind: one immutable map, replaced whole, so that readers take no lock.</summary>
internal sealed class ProvidedSet
{
    private volatile ImmutableSortedDictionary<string, ProvidedBox> _boxes =
        ImmutableSortedDictionary.Create<string, ProvidedBox>(StringComparer.Ordinal);

    public IEnumerable<ProvidedBox> All => _boxes.Values;

    public IEnumerable<string> Names => _boxes.Keys;

    public ProvidedBox? Find(string name) => _boxes.GetValueOrDefault(name);

    public void Add(ProvidedBox box) => _boxes = _boxes.Add(box.Name, box);

    /// <summary>Takes away what <paramref name="owner"/> provides and empties its boxes.</summary>
    public void Remove(PluginOwner owner)
    {
        var gone = _boxes.Values.Where(box => box.Owner == owner).ToList();
        _boxes = _boxes.RemoveRange(gone.Select(box => box.Name));
        gone.ForEach(box => box.Empty());
    }
}
