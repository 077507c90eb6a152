// SPDX-License-Identifier: MIT
using BlockHost.Core.Logging;
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>
/// Takes a constructed plugin to the point where others see what it provides:
/// <code>
///   identity ─► Register (draft) ─► provides = manifest? ─► names free? ─► StartAsync ─► visible
/// </code>
/// A step that fails leaves nothing registered and throws the reason, without a subject.
/// </summary>
internal static class PluginActivation
{
    public static async Task<ActivePlugin> RunAsync(
        ILoadedPlugin loaded, PluginManifest? manifest, PluginRegistry registry, IPluginHost host)
    {
        var plugin = loaded.Plugin;
        var owner = new PluginOwner(IdentityOf(plugin, manifest));
        var draft = RegistrationDraft.Of(owner, plugin.Register);
        if (manifest is not null)
            CompareWithManifest(draft, manifest);
        registry.Check(draft);
        await StartAsync(plugin, new PluginsHost(host, owner.Identity.Id)).ConfigureAwait(false);
        try
        {
            registry.Add(draft);
        }
        catch (PluginException)
        {
            await plugin.StopAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }

        return new ActivePlugin(loaded, owner, PluginProvides.From(draft.Names));
    }

    private static PluginIdentity IdentityOf(Plugin plugin, PluginManifest? manifest)
    {
        var identity = plugin.Identity ?? throw new PluginException("has no identity");
        if (manifest is not null && identity.Id != manifest.Id)
            throw new PluginException($"says that its id is '{identity.Id}'");
        return identity;
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
