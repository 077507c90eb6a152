// SPDX-License-Identifier: MIT
using BlockHost.Core.Logging;
using BlockHost.Plugins;
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Plugins;

/// <summary>
/// The states of all plugins and the ways between them: into the list here, into memory in PluginLifecycle.Loading.cs, out of it
/// in PluginLifecycle.Unloading.cs. One lock guards the entries; plugin code and events run outside it.
/// </summary>
internal sealed partial class PluginLifecycle(PluginManagerOptions options, PluginRegistry registry)
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
        Task activation;
        Task? start;
        lock (_gate)
        {
            if (!_entries.TryAdd(entry.Id, entry))
                throw new PluginException($"Plugin '{entry.Id}' is linked into the program twice");
            (activation, start) = Activation(entry, identity, () => new LinkedPlugin(plugin));
        }

        Run(start);
        return activation;
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
}
