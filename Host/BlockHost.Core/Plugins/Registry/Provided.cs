// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>
/// One thing a plugin provides. Host code may keep this box for as long as it likes: unloading empties it, so that a
/// forgotten one does not keep the plugin's code in memory.
/// </summary>
internal sealed class ProvidedBox(string name, PluginOwner owner, IProvided thing)
{
    private volatile IProvided? _thing = thing;

    public string Name => name;

    public PluginOwner Owner => owner;

    /// <summary>Null: the plugin has been unloaded.</summary>
    public IProvided? Thing => _thing;

    public void Empty() => _thing = null;
}

/// <summary>A box, seen as the kind that its table holds.</summary>
public sealed class Provided<T>
    where T : class, IProvided
{
    private readonly ProvidedBox _box;

    internal Provided(ProvidedBox box) => _box = box;

    public string Name => _box.Name;

    public PluginOwner Owner => _box.Owner;

    /// <exception cref="PluginException">The plugin has been unloaded.</exception>
    public T Value => ValueOrNull ?? throw Gone();

    /// <summary>Null: the plugin has been unloaded.</summary>
    internal T? ValueOrNull => (T?)_box.Thing;

    /// <inheritdoc cref="PluginOwner.Use"/>
    public PluginUse Use(string user) => Owner.Use(user);

    /// <summary>Use and value together; null: the plugin is on its way out, and has to be asked for again.</summary>
    /// <exception cref="PluginException">The plugin has been unloaded, and the box is an old one.</exception>
    internal ProvidedLease<T>? TryLease(string user, bool brief)
    {
        if (Owner.TryUse(user, brief) is not { } use)
            return null;
        if (ValueOrNull is { } value)
            return new ProvidedLease<T>(value, use);
        use.Dispose();
        throw Gone();
    }

    private PluginException Gone() => new($"Plugin '{Owner.Identity.Id}', which provided '{Name}', has been unloaded");
}
