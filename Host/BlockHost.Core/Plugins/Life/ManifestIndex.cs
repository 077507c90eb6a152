// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>Which plugin's manifest provides a name. Guarded by the manager's lock.</summary>
internal sealed class ManifestIndex
{
    private readonly Dictionary<ProvidedName, PluginEntry> _providers = [];

    public PluginEntry? ProviderOf(ProvidedName name) => _providers.GetValueOrDefault(name);

    public IEnumerable<string> Names(ProvidedKind kind) =>
        _providers.Where(pair => pair.Key.Kind == kind && pair.Value.IsUsable).Select(pair => pair.Key.Name);

    /// <exception cref="PluginException">Another manifest provides one of the names; nothing has been added.</exception>
    public void Add(PluginEntry entry, PluginProvides provides)
    {
        foreach (var name in provides.All())
        {
            if (_providers.TryGetValue(name, out var other) && other != entry)
                throw new PluginException($"provides the {name}, which plugin '{other.Id}' already provides");
        }

        foreach (var name in provides.All())
            _providers[name] = entry;
    }

    public void Remove(PluginEntry entry)
    {
        foreach (var name in _providers.Where(pair => pair.Value == entry).Select(pair => pair.Key).ToList())
            _providers.Remove(name);
    }
}
