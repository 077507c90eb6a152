// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins;

/// <summary>
/// The one entry of a plugin assembly.
/// <code>
///   constructor ─► Register ─► StartAsync ─► (in use) ─► StopAsync ─► unloaded
///    no work       declares     may do I/O                un-roots everything
/// </code>
/// </summary>
public abstract class Plugin
{
    /// <summary>Declares what the plugin provides. No I/O, no threads, no statics.</summary>
    public abstract void Register(IPluginRegistry registry);

    /// <summary>Called once after registration and before first use.</summary>
    public virtual ValueTask StartAsync(IPluginHost host, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Called before unload. Whatever the plugin rooted in the host or the runtime must be released here.</summary>
    public virtual ValueTask StopAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
