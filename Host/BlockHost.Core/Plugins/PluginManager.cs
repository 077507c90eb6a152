// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using BlockHost.Block;
using BlockHost.Core.Logging;
using BlockHost.Plugins;
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Plugins;

/// <summary>
/// Knows every plugin by its manifest, loads one when something it provides is first asked for, and unloads it on
/// request. A plugin that fails is faulted, with a reason; nothing else is affected.
/// </summary>
public sealed class PluginManager : IPluginCatalog
{
    private readonly PluginManagerOptions _options;
    private readonly PluginRegistry _registry = new();
    private readonly PluginLifecycle _plugins;
    private readonly ConcurrentDictionary<ProvidedKind, object> _tables = [];

    public PluginManager(PluginManagerOptions options)
    {
        _options = options;
        _plugins = new PluginLifecycle(options, _registry);
        _plugins.NamesChanged += () => Changed?.Invoke();
        _plugins.StateChanged += info => StateChanged?.Invoke(info);
        _plugins.Announced += info => Announced?.Invoke(info);
    }

    public IReadOnlyList<string> NamesOf(ProvidedKind kind) => _plugins.Names(kind);

    public event Action? Changed;

    /// <summary>A plugin has a new state. Raised outside locks, on the thread that changed it.</summary>
    public event Action<PluginInfo>? StateChanged;

    /// <summary>
    /// A change that users hear of: what they asked for, and faults. A plugin that is loaded by use stays silent.
    /// </summary>
    public event Action<PluginInfo>? Announced;

    public IProvidedTable<T> Of<T>(ProvidedKind<T> kind)
        where T : class, IProvided =>
        (IProvidedTable<T>)_tables.GetOrAdd(kind, _ => new LazyTable<T>(_plugins, kind, _registry.Of(kind)));

    /// <summary>Declares what the host itself provides.</summary>
    /// <exception cref="PluginException">A name is taken.</exception>
    public void AddHost(Action<IPluginRegistry> register)
    {
        var host = new PluginOwner(new PluginIdentity("host", ContractVersion.Host.ToString(), "the host itself"));
        _registry.Add(RegistrationDraft.Of(host, register));
        Changed?.Invoke();
    }

    /// <summary>
    /// Takes in a plugin that is linked into the program. One that fails is faulted; this does not throw for it.
    /// </summary>
    public async ValueTask AddLinkedAsync(string id, Plugin plugin, CancellationToken cancellationToken) =>
        await IgnoringFaults(_plugins.AddLinkedAsync(
            new PluginIdentity(id, ContractVersion.Host.ToString(), ""),
            plugin).WaitAsync(cancellationToken)).ConfigureAwait(false);

    /// <summary>Reads the manifests; no plugin code runs. Plugins already known stay as they are.</summary>
    public void Discover() => _plugins.Add(_options.Loader?.Discover() ?? []);

    /// <summary>Every known plugin, in ordinal order of ids.</summary>
    public IReadOnlyList<PluginInfo> List() => _plugins.List();

    public PluginInfo? Find(string id) => _plugins.Find(id);

    /// <summary>
    /// Loads a plugin by id. Unless it is loaded, its manifest is read anew, so that new files replace old ones. Calls off
    /// an unload that still waits for users.
    /// </summary>
    /// <exception cref="PluginException">It is unknown, failed to load, or its old code is still being unloaded.</exception>
    public async ValueTask<PluginInfo> LoadAsync(string id, CancellationToken cancellationToken)
    {
        await _plugins.UnloadedAsync(id, cancellationToken).ConfigureAwait(false);
        var candidate = ReadManifestOf(id);
        RefuseOldCode(id, candidate?.Manifest);
        if (_plugins.TryCallOffUnload(id))
            return Find(id)!;
        if (candidate is not null)
            _plugins.Replace(candidate);
        return await _plugins.LoadAsync(id, byUser: true, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Loads the plugin that a manifest file describes; the plugin's folder is the manifest's.</summary>
    /// <exception cref="PluginException">The manifest is bad, its id is taken by a loaded plugin, or the plugin failed to
    /// load.</exception>
    public async ValueTask<PluginInfo> LoadManifestAsync(string path, CancellationToken cancellationToken)
    {
        var loader = _options.Loader ?? throw new PluginException("This program loads no plugins from files");
        var candidate = loader.ReadManifest(path);
        if (candidate.Manifest is null)
            throw new PluginException($"Plugin '{candidate.Id}' is faulted: {candidate.Reason}");
        await _plugins.UnloadedAsync(candidate.Id, cancellationToken).ConfigureAwait(false);
        RefuseOldCode(candidate.Id, candidate.Manifest);
        _plugins.Replace(candidate);
        return await _plugins.LoadAsync(candidate.Id, byUser: true, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Takes no new users for the plugin, waits for the present ones and unloads it. Returns after about
    /// <paramref name="patience"/> at most, with the state reached: available (gone) or unloading, with what holds it;
    /// the unload itself goes on.
    /// </summary>
    /// <exception cref="PluginException">It is unknown, not loaded, or there for good.</exception>
    public async ValueTask<PluginInfo> UnloadAsync(string id, TimeSpan patience, CancellationToken cancellationToken)
    {
        var unloading = _plugins.Unload(id);
        await unloading.CollectAsync().ConfigureAwait(false);
        try
        {
            await unloading.Completion.WaitAsync(patience, _options.Clock, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
            when (e is TimeoutException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // Not in time, or called off by a load: the state says which.
        }

        return Find(id)!;
    }

    /// <summary>Where the code of the running plugins is.</summary>
    public IEnumerable<PluginCode> RunningCode() =>
        _plugins.Running().Select(
            running => new PluginCode(running.Id, running.Plugin.GetType().Namespace ?? running.Plugin.GetType().Name));

    /// <summary>Stops every loaded plugin because the host ends: nothing uses them any more, and nothing will again.</summary>
    /// <returns>What went wrong, by plugin id; the others are stopped all the same.</returns>
    public async ValueTask<IReadOnlyList<(string Id, Exception Error)>> StopAllAsync(CancellationToken cancellationToken)
    {
        var errors = new List<(string, Exception)>();
        foreach (var (id, plugin) in _plugins.Running())
        {
            try
            {
                await plugin.StopAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                _options.Loggers.CreateLogger(LogCategories.Plugin).PluginDidNotStop(e, id, e.Message);
                errors.Add((id, e));
            }
        }

        return errors;
    }

    public async ValueTask LoadAllAsync(CancellationToken cancellationToken)
    {
        foreach (var plugin in List().Where(
            plugin => plugin.State == PluginState.Available || plugin is { State: PluginState.Unloading, Users: [] }))
            await IgnoringFaults(_plugins.LoadAsync(plugin.Id, byUser: false, cancellationToken).AsTask()).ConfigureAwait(false);
    }

    /// <summary>
    /// Drivers whose magic bytes are in <paramref name="head"/>, longest magic first. Loads nothing. A hint for tools.
    /// </summary>
    public IReadOnlyList<string> DriversByMagic(ReadOnlySpan<byte> head)
    {
        var matches = new List<FormatProbe>();
        foreach (var probe in _plugins.UsableManifests().SelectMany(manifest => manifest.Probes))
        {
            if (probe.HasMagic && probe.Matches(head))
                matches.Add(probe);
        }

        return [.. matches.OrderByDescending(probe => probe.Magic.Length).Select(probe => probe.Driver).Distinct()];
    }

    /// <summary>Drivers whose images have such a name. Loads nothing. A hint for tools.</summary>
    public IEnumerable<string> DriversByName(string? fileName) => _plugins.UsableManifests()
        .SelectMany(manifest => manifest.Probes).Where(probe => probe.MatchesName(fileName)).Select(probe => probe.Driver);

    /// <summary>
    /// The driver whose probe matches any image, for those that nobody else claims; null: there is none. Loads nothing.
    /// </summary>
    public string? DriverOfAnything() =>
        _plugins.UsableManifests().SelectMany(manifest => manifest.Probes).FirstOrDefault(probe => probe.IsOfAnything)?.Driver;

    /// <summary>The driver that a file name's prefix selects ("nbd" for "nbd+unix"), or null. Loads nothing.</summary>
    public string? DriverByPrefix(string prefix) =>
        _plugins.UsableManifests().Select(manifest => manifest.FileNamePrefixes.GetValueOrDefault(prefix))
            .FirstOrDefault(driver => driver is not null)
        ?? Of(
            ProvidedKind.Driver).Loaded.FirstOrDefault(driver =>
                driver.ValueOrNull?.FileNamePrefixes.Contains(prefix) == true)?.Name;

    private static async Task IgnoringFaults(Task load)
    {
        try
        {
            await load.ConfigureAwait(false);
        }
        catch (PluginException)
        {
            // The plugin's state tells.
        }
    }

    /// <summary>Who loads a plugin whose files are new wants the new code, which a loaded plugin is not replaced by.</summary>
    private void RefuseOldCode(string id, PluginManifest? found)
    {
        if (_options.Loader is not { } loader || _plugins.ManifestInUse(id) is not { } loaded)
            return;
        var isNew = loader.HasNewCode(loaded)
            || (found is not null && found.AssemblyPath == loaded.AssemblyPath && found.Sha256 != loaded.Sha256);
        if (isNew)
            throw new PluginException(
                $"Plugin '{id}' is loaded, and {loaded.AssemblyPath} has changed since: plugin-unload it first, then plugin-load takes the new code");
    }

    private PluginCandidate? ReadManifestOf(string id)
    {
        if (_options.Loader is not { } loader)
            return null;
        var path = _plugins.ManifestPathOf(id);
        return loader.Discover().FirstOrDefault(candidate => candidate.Id == id && (path is null || candidate.Path == path))
            ?? (path is null ? null : loader.ReadManifest(path));
    }
}
