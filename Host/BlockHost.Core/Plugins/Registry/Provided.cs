// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>
/// One thing a plugin provides. Host code may keep this box for as long as it likes: unloading empties it, so that a
/// forgotten one does not keep the plugin's code in memory.
/// </summary>
public sealed class Provided<T>
    where T : class
{
    private volatile T? _value;

    internal Provided(string name, PluginOwner owner, T value)
    {
        Name = name;
        Owner = owner;
        _value = value;
    }

    public string Name { get; }

    public PluginOwner Owner { get; }

    /// <exception cref="PluginException">The plugin has been unloaded.</exception>
    public T Value => _value ?? throw Gone();

    /// <summary>Null: the plugin has been unloaded.</summary>
    internal T? ValueOrNull => _value;

    /// <inheritdoc cref="PluginOwner.Use"/>
    public PluginUse Use(string user) => Owner.Use(user);

    /// <summary>Use and value together; null: the plugin is on its way out, and has to be asked for again.</summary>
    /// <exception cref="PluginException">The plugin has been unloaded, and the box is an old one.</exception>
    internal ProvidedLease<T>? TryLease(string user, bool brief)
    {
        if (Owner.TryUse(user, brief) is not { } use)
            return null;
        if (_value is { } value)
            return new ProvidedLease<T>(value, use);
        use.Dispose();
        throw Gone();
    }

    internal void Empty() => _value = null;

    private PluginException Gone() => new($"Plugin '{Owner.Identity.Id}', which provided '{Name}', has been unloaded");
}
