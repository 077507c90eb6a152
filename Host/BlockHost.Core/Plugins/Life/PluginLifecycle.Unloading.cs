// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <content>Out of memory: unloads, and unloads that are called off.</content>
internal sealed partial class PluginLifecycle
{
    /// <summary>
    /// Where the plugin is being unloaded: waits until its code is gone, unless that takes unusually long. An unload that
    /// only waits for commands to end is called off: the plugin is wanted. One that waits for anything else goes on.
    /// </summary>
    /// <returns>The unload that was found; null: there was none.</returns>
    public async ValueTask<PluginUnloading?> UnloadedAsync(string id, CancellationToken cancellationToken)
    {
        PluginUnloading? unloading;
        lock (_gate)
        {
            var entry = _entries.GetValueOrDefault(id);
            unloading = entry?.Unloading;
            if (unloading is null || entry?.Active?.Owner.IsHeldForLong == true)
                return unloading;
        }

        if (!TryCallOffUnload(id, onlyBrief: true))
            await unloading.GoneAsync(cancellationToken).ConfigureAwait(false);
        return unloading;
    }

    /// <summary>Makes an unload that still waits for users undone.</summary>
    /// <param name="id">The plugin.</param>
    /// <param name="onlyBrief">Only where all that it waits for is commands.</param>
    public bool TryCallOffUnload(string id, bool onlyBrief = false)
    {
        PluginInfo info;
        lock (_gate)
        {
            var entry = _entries.GetValueOrDefault(id);
            if (entry is not { State: PluginState.Unloading, Active.Owner: var owner } || (onlyBrief && owner.IsHeldForLong)
                || !owner.TryReopen())
                return false;
            entry.Unloading = null;
            info = Enter(entry, PluginState.Loaded, null);
        }

        Announce(info);
        NamesChanged?.Invoke();
        return true;
    }

    /// <summary>Closes the plugin to new users; an unload in progress is given back.</summary>
    /// <exception cref="PluginException">It is unknown, not loaded, or there for good.</exception>
    public PluginUnloading Unload(string id)
    {
        PluginUnloading unloading;
        PluginInfo info;
        lock (_gate)
        {
            var entry = _entries.GetValueOrDefault(id)
                ?? throw new PluginException($"Plugin '{id}' is unknown: no manifest has that id");
            if (entry.Unloading is { } present)
                return present;
            if (entry is not { State: PluginState.Loaded, Active: { } active })
                throw new PluginException($"Plugin '{id}' is not loaded");
            if (active.Loaded.ResidentBecause is { } reason)
                throw new PluginException($"Plugin '{id}' cannot be unloaded: {reason}");
            unloading = new PluginUnloading(registry, options.Clock, active, _log);
            entry.Unloading = unloading;
            info = Enter(entry, PluginState.Unloading, null);
        }

        Announce(info);
        unloading.Begin(() => Released(id), () => Collected(id));
        return unloading;
    }

    /// <summary>The last user has gone: nothing of the manager's may refer to the plugin from here on.</summary>
    private void Released(string id)
    {
        lock (_gate)
            _entries[id].Active = null;
        NamesChanged?.Invoke();
    }

    private void Collected(string id)
    {
        PluginInfo info;
        lock (_gate)
        {
            _entries[id].Unloading = null;
            info = Enter(_entries[id], PluginState.Available, null);
        }

        Announce(info);
        NamesChanged?.Invoke();
    }
}
