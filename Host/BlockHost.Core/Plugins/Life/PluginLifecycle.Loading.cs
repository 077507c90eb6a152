// SPDX-License-Identifier: MIT
using BlockHost.Core.Logging;
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <content>Into memory: by name, by what it provides, once however many ask.</content>
internal sealed partial class PluginLifecycle
{
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
        while (true)
        {
            var gone = await UnloadedAsync(id, cancellationToken).ConfigureAwait(false);
            if (TryLoad(id, byUser, gone) is not { } load)
                continue;
            await load.WaitAsync(cancellationToken).ConfigureAwait(false);
            return Find(id)!;
        }
    }

    /// <summary>Looks at the state and starts the code in one step: what is still registered must not start again.</summary>
    /// <param name="id">The plugin.</param>
    /// <param name="byUser">Somebody asked for the plugin itself.</param>
    /// <param name="waitedFor">The unload that has been waited for.</param>
    /// <returns>Null: another unload has begun since.</returns>
    private Task? TryLoad(string id, bool byUser, PluginUnloading? waitedFor)
    {
        Task activation;
        Task? start;
        lock (_gate)
        {
            var entry = _entries.GetValueOrDefault(id)
                ?? throw new PluginException($"Plugin '{id}' is unknown: no manifest has that id");
            if (entry.State == PluginState.Loaded)
                return Task.CompletedTask;
            if (entry.Unloading is { } unloading && unloading != waitedFor)
                return null;
            if (entry.State != PluginState.Available)
                throw Refusal(entry);
            if (_activating.Value?.Contains(entry) == true)
                throw new PluginException($"Plugin '{id}' asks, while it starts, for something that it provides itself");
            entry.IsAskedFor |= byUser;
            var manifest = entry.Manifest!;
            (activation, start) = Activation(entry, manifest.Identity, () => options.Loader!.Load(manifest));
        }

        Run(start);
        return activation;
    }

    /// <summary>Under the lock: the first who asks is given a task to run outside it, others wait for what it starts.</summary>
    private (Task Activation, Task? Start) Activation(PluginEntry entry, PluginIdentity identity, Func<ILoadedPlugin> load)
    {
        if (entry.Activation is { } running)
            return (running, null);
        var start = new Task<Task>(() => ActivateAsync(entry, identity, load));
        return (entry.Activation = start.Unwrap(), start);
    }

    private void Run(Task? start)
    {
        if (options.StartInline)
            start?.RunSynchronously(TaskScheduler.Default);
        else
            start?.Start(TaskScheduler.Default);
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
}
