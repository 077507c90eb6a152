// SPDX-License-Identifier: MIT
using BlockHost.Core.Logging;
using BlockHost.Plugins;
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Plugins;

/// <summary>
/// The states of all plugins and the ways between them. One lock guards the entries; plugin code and events run outside
/// it.
/// </summary>
internal sealed class PluginLifecycle(PluginManagerOptions options, PluginRegistry registry)
{
    private readonly ILogger _log = options.Loggers.CreateLogger(LogCategories.Plugin);
    private readonly PluginFaults _faults = new(() => [], options.Loggers);
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, PluginEntry> _entries = new(StringComparer.Ordinal);
    private readonly ManifestIndex _index = new();
    private readonly AsyncLocal<ActivationScope?> _activating = new();

    public event Action<PluginInfo>? StateChanged;

    /// <summary>As <see cref="StateChanged"/>, without plugins that were loaded because something of theirs was used.</summary>
    public event Action<PluginInfo>? Announced;

    public event Action? NamesChanged;

    public IReadOnlyList<PluginInfo> List()
    {
        lock (_gate)
            return [.. _entries.Values.Select(entry => entry.ToInfo())];
    }

    public PluginInfo? Find(string id)
    {
        lock (_gate)
            return _entries.GetValueOrDefault(id)?.ToInfo();
    }

    /// <summary>The plugins whose code runs.</summary>
    public IReadOnlyList<(string Id, Plugin Plugin)> Running()
    {
        lock (_gate)
        {
            return [.. _entries.Values.Where(entry => entry is { State: PluginState.Loaded, Active: not null })
                .Select(entry => (entry.Id, entry.Active!.Loaded.Plugin))];
        }
    }

    /// <summary>Manifests of what is loaded or can be.</summary>
    public IReadOnlyList<PluginManifest> UsableManifests()
    {
        lock (_gate)
        {
            return [.. _entries.Values.Where(entry => entry.IsUsable)
                .Select(entry => entry.Manifest).OfType<PluginManifest>()];
        }
    }

    /// <summary>What is loaded or would load when asked for, in ordinal order.</summary>
    public IReadOnlyList<string> Names(ProvidedKind kind)
    {
        string[] available;
        lock (_gate)
            available = [.. _index.Names(kind)];
        return [.. available.Union(registry.Of(kind).Names).Order(StringComparer.Ordinal)];
    }

    /// <summary>Takes in candidates with new ids.</summary>
    public void Add(IEnumerable<PluginCandidate> candidates)
    {
        lock (_gate)
        {
            foreach (var candidate in candidates.Where(candidate => !_entries.ContainsKey(candidate.Id)))
                Take(candidate, options.Selection.Wants(candidate.Id));
        }

        NamesChanged?.Invoke();
    }

    /// <summary>Takes in a plugin that is linked into the program, and loads it.</summary>
    public Task AddLinkedAsync(PluginIdentity identity, Plugin plugin)
    {
        var entry = new PluginEntry(identity.Id);
        lock (_gate)
        {
            if (!_entries.TryAdd(entry.Id, entry))
                throw new PluginException($"Plugin '{entry.Id}' is linked into the program twice");
        }

        return ActivateOnceAsync(entry, identity, () => new LinkedPlugin(plugin));
    }

    /// <summary>Takes a newly read manifest in place of what is known of the plugin, which must not be in use.</summary>
    /// <exception cref="PluginException">It is loaded, from somewhere else.</exception>
    public void Replace(PluginCandidate candidate)
    {
        PluginInfo info;
        lock (_gate)
        {
            if (_entries.TryGetValue(candidate.Id, out var present) && IsLive(present))
            {
                if (present.ManifestPath == candidate.Path)
                    return;
                throw new PluginException(
                    $"Plugin '{candidate.Id}' is already there, from {present.ManifestPath ?? "the program itself"}");
            }

            info = Take(candidate, wanted: true).ToInfo();
        }

        if (info.State != PluginState.Available)
            Announce(info);
        NamesChanged?.Invoke();
    }

    /// <summary>Where the plugin's manifest was read; null: unknown plugin, or one that is linked into the program.</summary>
    public string? ManifestPathOf(string id)
    {
        lock (_gate)
            return _entries.GetValueOrDefault(id)?.ManifestPath;
    }

    /// <summary>The manifest of a plugin whose code is in memory; null: it is not, or is linked into the program.</summary>
    public PluginManifest? ManifestInUse(string id)
    {
        lock (_gate)
            return _entries.GetValueOrDefault(id) is { } entry && IsLive(entry) ? entry.Manifest : null;
    }

    /// <summary>Loads the plugin whose manifest provides the name; false: there is none.</summary>
    public async ValueTask<bool> LoadProviderAsync(ProvidedName name, CancellationToken cancellationToken)
    {
        PluginEntry? entry;
        lock (_gate)
            entry = _index.ProviderOf(name);
        if (entry is null)
            return false;
        await LoadAsync(entry.Id, byUser: false, cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <exception cref="PluginException">It is unknown, in a state that does not load, or failed to.</exception>
    /// <param name="byUser">Somebody asked for the plugin itself, and hears of it.</param>
    public async ValueTask<PluginInfo> LoadAsync(string id, bool byUser, CancellationToken cancellationToken)
    {
        await UnloadedAsync(id, cancellationToken).ConfigureAwait(false);
        PluginEntry entry;
        lock (_gate)
        {
            entry = _entries.GetValueOrDefault(id)
                ?? throw new PluginException($"Plugin '{id}' is unknown: no manifest has that id");
            if (entry.State == PluginState.Loaded)
                return entry.ToInfo();
            if (entry.State != PluginState.Available)
                throw Refusal(entry);
            entry.IsAskedFor |= byUser;
        }

        if (_activating.Value?.Contains(entry) == true)
            throw new PluginException($"Plugin '{id}' asks, while it starts, for something that it provides itself");
        var load = ActivateOnceAsync(entry, entry.Manifest!.Identity, () => options.Loader!.Load(entry.Manifest!));
        await load.WaitAsync(cancellationToken).ConfigureAwait(false);
        return Find(id)!;
    }

    /// <summary>
    /// Where the plugin is being unloaded: waits until its code is gone, unless that takes unusually long. An unload that
    /// only waits for commands to end is called off: the plugin is wanted. One that waits for anything else goes on.
    /// </summary>
    public async ValueTask UnloadedAsync(string id, CancellationToken cancellationToken)
    {
        PluginUnloading? unloading;
        lock (_gate)
        {
            var entry = _entries.GetValueOrDefault(id);
            unloading = entry?.Unloading;
            if (unloading is null || entry?.Active?.Owner.IsHeldForLong == true)
                return;
        }

        if (!TryCallOffUnload(id, onlyBrief: true))
            await unloading.GoneAsync(cancellationToken).ConfigureAwait(false);
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

    private void Changed(PluginInfo info)
    {
        if (info.State is not (PluginState.Faulted or PluginState.Unsupported))
            _log.PluginState(info.Id, info.State.ToString().ToLowerInvariant());
        StateChanged?.Invoke(info);
    }

    private void Announce(PluginInfo info)
    {
        Changed(info);
        Announced?.Invoke(info);
    }

    private static bool IsLive(PluginEntry entry) =>
        entry.Activation is not null || entry.State is PluginState.Loaded or PluginState.Unloading;

    private static PluginInfo Enter(PluginEntry entry, PluginState state, string? reason)
    {
        entry.State = state;
        entry.Reason = reason;
        return entry.ToInfo();
    }

    private static PluginException Refusal(PluginEntry entry)
    {
        var info = entry.ToInfo();
        var state = info.State.ToString().ToLowerInvariant();
        return new PluginException($"Plugin '{info.Id}' is {state}{(info.Reason is null ? "" : $": {info.Reason}")}");
    }

    private PluginEntry Take(PluginCandidate candidate, bool wanted)
    {
        if (!_entries.TryGetValue(candidate.Id, out var entry))
            _entries.Add(candidate.Id, entry = new PluginEntry(candidate.Id));
        _index.Remove(entry);
        entry.Manifest = candidate.Manifest;
        entry.ManifestPath = candidate.Path;
        if (candidate.Manifest is not { } manifest)
            Enter(entry, PluginState.Faulted, candidate.Reason);
        else if (!wanted)
            Enter(entry, PluginState.Disabled, $"the composition '{options.Selection.Name}' does not list it");
        else
            Offer(entry, manifest);
        return entry;
    }

    private void Offer(PluginEntry entry, PluginManifest manifest)
    {
        try
        {
            _index.Add(entry, manifest.Provides);
            if (manifest.Contract.Contains(ContractVersion.Host))
                Enter(entry, PluginState.Available, null);
            else
                Enter(
                    entry,
                    PluginState.Unsupported,
                    $"it is for contract {manifest.Contract}; this host serves {ContractVersion.Host}");
        }
        catch (PluginException e)
        {
            Enter(entry, PluginState.Faulted, e.Message);
        }
    }

    /// <summary>The first who asks starts the plugin's code, outside the lock; others wait for it.</summary>
    private Task ActivateOnceAsync(PluginEntry entry, PluginIdentity identity, Func<ILoadedPlugin> load)
    {
        Task<Task> start;
        Task activation;
        lock (_gate)
        {
            if (entry.State == PluginState.Loaded)
                return Task.CompletedTask;
            if (entry.Activation is { } running)
                return running;
            start = new Task<Task>(() => ActivateAsync(entry, identity, load));
            activation = entry.Activation = start.Unwrap();
        }

        if (options.StartInline)
            start.RunSynchronously(TaskScheduler.Default);
        else
            start.Start(TaskScheduler.Default);
        return activation;
    }

    private async Task ActivateAsync(PluginEntry entry, PluginIdentity identity, Func<ILoadedPlugin> load)
    {
        var scope = _activating.Value = new ActivationScope(entry, _activating.Value);
        try
        {
            var active = await ActivateAsync(load, identity, entry.Manifest).ConfigureAwait(false);
            Activated(entry, active);
        }
        catch (NotLinkedInException)
        {
            // No fault of the plugin's: another program has it.
            lock (_gate)
                entry.Activation = null;
            throw;
        }
        catch (Exception e)
        {
            throw Failed(entry, e);
        }
        finally
        {
            scope.End();
        }
    }

    private async Task<ActivePlugin> ActivateAsync(Func<ILoadedPlugin> load, PluginIdentity identity, PluginManifest? manifest)
    {
        var loaded = load();
        try
        {
            return await PluginActivation.RunAsync(
                loaded, identity, manifest, registry, options.Host(), _faults).ConfigureAwait(false);
        }
        catch
        {
            if (loaded.ResidentBecause is null)
                loaded.Unload();
            throw;
        }
    }

    private void Activated(PluginEntry entry, ActivePlugin active)
    {
        PluginInfo info;
        bool isAskedFor;
        lock (_gate)
        {
            entry.Active = active;
            entry.Activation = null;
            (isAskedFor, entry.IsAskedFor) = (entry.IsAskedFor, false);
            info = Enter(entry, PluginState.Loaded, null);
        }

        if (isAskedFor)
            Announce(info);
        else
            Changed(info);
        NamesChanged?.Invoke();
    }

    private PluginException Failed(PluginEntry entry, Exception error)
    {
        PluginInfo info;
        PluginException refusal;
        lock (_gate)
        {
            entry.Activation = null;
            entry.IsAskedFor = false;
            var state = error is UnsupportedContractException ? PluginState.Unsupported : PluginState.Faulted;
            var known = error is UnsupportedContractException or PluginException;
            info = Enter(entry, state, known ? error.Message : $"{error.GetType().Name}: {error.Message}");
            refusal = Refusal(entry);
        }

        _log.PluginUnusable(error, info.Id, info.State.ToString().ToLowerInvariant(), info.Reason);

        Announce(info);
        NamesChanged?.Invoke();
        return refusal;
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
