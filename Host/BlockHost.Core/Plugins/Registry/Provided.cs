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
    public T Value => _value ?? throw new PluginException($"Plugin '{Owner.Identity.Id}', which provided '{Name}', has been unloaded");

    /// <inheritdoc cref="PluginOwner.Use"/>
    public PluginUse Use(string user) => Owner.Use(user);

    internal void Empty() => _value = null;
}
