// SPDX-License-Identifier: MIT
using System.Collections.Frozen;
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>What is registered now, by the host and by loaded plugins. Registration is whole or nothing.</summary>
internal sealed class PluginRegistry
{
    private readonly Lock _gate = new();
    private readonly FrozenDictionary<ProvidedKind, ProvidedSet> _sets =
        ProvidedKind.All.ToFrozenDictionary(kind => kind, _ => new ProvidedSet());

    public ProvidedSet Of(ProvidedKind kind) => _sets[kind];

    /// <exception cref="PluginException">A name is taken; nothing has been added.</exception>
    public void Add(RegistrationDraft draft)
    {
        lock (_gate)
        {
            RefuseDuplicates(draft);
            foreach (var thing in draft.Things)
                Of(thing.Kind).Add(new(thing.Name, draft.Owner, thing));
        }
    }

    /// <exception cref="PluginException">A name is taken.</exception>
    public void Check(RegistrationDraft draft)
    {
        lock (_gate)
            RefuseDuplicates(draft);
    }

    public void Remove(PluginOwner owner)
    {
        lock (_gate)
        {
            foreach (var set in _sets.Values)
                set.Remove(owner);
        }
    }

    private void RefuseDuplicates(RegistrationDraft draft)
    {
        foreach (var key in draft.Names)
        {
            if (Of(key.Kind).Find(key.Name) is { } other)
                throw new PluginException($"provides the {key}, which plugin '{other.Owner.Identity.Id}' already provides");
        }
    }
}
