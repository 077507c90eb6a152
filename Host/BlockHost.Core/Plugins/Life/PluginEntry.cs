// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>What the manager keeps of one plugin. Guarded by the manager's lock.</summary>
internal sealed class PluginEntry(string id)
{
    public string Id { get; } = id;

    /// <summary>Null: unreadable, or the plugin is linked into the program.</summary>
    public PluginManifest? Manifest { get; set; }

    /// <summary>Where to read the manifest again; null: the plugin is linked into the program.</summary>
    public string? ManifestPath { get; set; }

    public PluginState State { get; set; } = PluginState.Available;

    public string? Reason { get; set; }

    /// <summary>While loaded, and while unloading until the last user has gone.</summary>
    public ActivePlugin? Active { get; set; }

    /// <summary>The load in progress, shared by all who ask.</summary>
    public Task? Activation { get; set; }

    /// <summary>Somebody asked for the plugin itself, not for what it provides: its loading is announced.</summary>
    public bool IsAskedFor { get; set; }

    /// <summary>The unload in progress.</summary>
    public PluginUnloading? Unloading { get; set; }

    /// <summary>What it provides can be had: it is loaded, loads when asked for, or loads again after its unload.</summary>
    public bool IsUsable => State is PluginState.Available or PluginState.Loaded or PluginState.Unloading;

    public PluginInfo ToInfo() => new()
    {
        Id = Id,
        State = State,
        Reason = Unloading?.Reason ?? Reason,
        Users = Active?.Owner.Users ?? [],
        Name = Manifest?.Name,
        Version = Manifest?.Version ?? Active?.Owner.Identity.Version,
        Description = Manifest?.Description ?? Active?.Owner.Identity.Description,
        Assembly = Manifest?.AssemblyPath,
        Contract = Manifest?.Contract.ToString(),
        Provides = Manifest?.Provides ?? Active?.Provides,
    };
}

/// <summary>A plugin that is registered and started.</summary>
/// <param name="Host">The host as the plugin sees it; ends with it.</param>
internal sealed record ActivePlugin(ILoadedPlugin Loaded, PluginOwner Owner, PluginProvides Provides, IDisposable Host);

/// <summary>A plugin linked into the program: there is nothing to unload.</summary>
internal sealed class LinkedPlugin(Plugin plugin) : ILoadedPlugin
{
    public Plugin Plugin { get; } = plugin;

    public string ResidentBecause => "it is linked into the program";

    public IUnloadProof Unload() => throw new InvalidOperationException(ResidentBecause);
}
