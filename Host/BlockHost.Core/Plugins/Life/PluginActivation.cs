// SPDX-License-Identifier: MIT
using BlockHost.Core.Logging;
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>
/// Takes a constructed plugin to the point where others see what it provides:
/// <code>
///   Register (draft) ─► provides = manifest? ─► names free? ─► StartAsync ─► visible
/// </code>
/// A step that fails leaves nothing registered and throws the reason, without a subject.
/// </summary>
internal static class PluginActivation
{
    public static async Task<ActivePlugin> RunAsync(
        ILoadedPlugin loaded,
        PluginIdentity identity,
        PluginManifest? manifest,
        PluginRegistry registry,
        IPluginHost host,
        PluginFaults faults)
    {
        var plugin = loaded.Plugin;
        var owner = new PluginOwner(identity);
        var draft = RegistrationDraft.Of(owner, plugin.Register);
        if (manifest is not null)
            CompareWithManifest(draft, manifest);
        registry.Check(draft);
        var pluginsHost = new PluginsHost(host, faults, owner.Identity.Id);
        try
        {
            await StartAsync(plugin, pluginsHost).ConfigureAwait(false);
            await AddOrStopAsync(registry, draft, plugin).ConfigureAwait(false);
        }
        catch
        {
            pluginsHost.Dispose();
            throw;
        }

        return new ActivePlugin(loaded, owner, new PluginProvides(draft.Names), pluginsHost);
    }

    private static async Task AddOrStopAsync(PluginRegistry registry, RegistrationDraft draft, Plugin plugin)
    {
        try
        {
            registry.Add(draft);
        }
        catch (PluginException)
        {
            await plugin.StopAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The manifest decides when a plugin is loaded, so a name it does not list could never be found.</summary>
    private static void CompareWithManifest(RegistrationDraft draft, PluginManifest manifest)
    {
        var listed = manifest.Provides.All().ToHashSet();
        var registered = draft.Names.ToHashSet();
        var unlisted = registered.Except(listed).Order().ToList();
        if (unlisted.Count > 0)
            throw new PluginException($"registers what its manifest does not list: {string.Join(", ", unlisted)}");
        var missing = listed.Except(registered).Order().ToList();
        if (missing.Count > 0)
            throw new PluginException($"does not register what its manifest lists: {string.Join(", ", missing)}");
    }

    private static async Task StartAsync(Plugin plugin, IPluginHost host)
    {
        try
        {
            await plugin.StartAsync(host, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw new PluginException($"failed in StartAsync: {e.GetType().Name}: {e.Message}", e);
        }
    }
}
