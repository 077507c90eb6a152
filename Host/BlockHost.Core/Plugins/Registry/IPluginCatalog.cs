// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>
/// Everything the host and its plugins provide, by kind and name. Asking for a name loads the plugin whose manifest
/// provides it:
/// <code>
///   var driver = await plugins.Of(ProvidedKind.Driver).FindAsync("qcow2", ct);   // null: nobody provides it
///   using var use = driver.Use("node 'disk0'");                  // unloading waits for this
///   driver.Value.OpenAsync(…)
/// </code>
/// </summary>
public interface IPluginCatalog
{
    IProvidedTable<T> Of<T>(ProvidedKind<T> kind)
        where T : class, IProvided;

    /// <inheritdoc cref="IProvidedTable{T}.Names"/>
    IReadOnlyList<string> NamesOf(ProvidedKind kind);

    /// <summary>
    /// Loads every plugin that is available, for what needs all of them at once (introspection). A plugin that fails
    /// becomes faulted; the others load.
    /// </summary>
    ValueTask LoadAllAsync(CancellationToken cancellationToken);

    /// <summary>Something has been added or taken away. Raised outside locks, on the thread that changed it.</summary>
    event Action? Changed;
}

/// <summary>What is provided of one kind.</summary>
public interface IProvidedTable<T>
    where T : class, IProvided
{
    /// <summary>
    /// The thing of that name, loading its plugin first where needed; null where nobody provides it. Completes at once
    /// where the plugin is loaded.
    /// </summary>
    /// <exception cref="PluginException">Its plugin is faulted, unsupported or being unloaded; the message says why.</exception>
    ValueTask<Provided<T>?> FindAsync(string name, CancellationToken cancellationToken);

    /// <summary>Names of what is loaded or would load when asked for, in ordinal order.</summary>
    IReadOnlyList<string> Names { get; }

    /// <summary>What is loaded now, in ordinal order of names.</summary>
    IReadOnlyList<Provided<T>> Loaded { get; }
}
